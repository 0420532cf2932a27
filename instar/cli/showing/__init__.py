"""The commands that only look: `instar list`, `show`, `history`; what a shell completes."""
