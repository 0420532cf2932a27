"""A soak: random faults and wishes against real processes, judged by what is left (docs/rules.md F1, F2, F6, F10)."""
