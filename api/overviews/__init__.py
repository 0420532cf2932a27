"""What a person looks at first: many sets at a glance, and each upgrade that a set had. Instar's own paths."""
