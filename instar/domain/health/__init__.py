"""Where health comes from, what an answer of it says, and how an instance is."""
