"""What routes are given, and what they do with it whatever they are about: pages, operations, hand-overs."""
