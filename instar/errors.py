"""What the command line says in one sentence and ends with."""


class Trouble(Exception):
    """Something that the person at the terminal can mend; its text says how. Ends the command with status 1."""
