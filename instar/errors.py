"""What the command line tells a person instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer


class Trouble(Exception):
    """Something that a person can mend; its text says what is wrong and what to do."""


@contextmanager
def ended() -> Iterator[None]:
    """Turn trouble into its sentence and status 1."""
    try:
        yield
    except Trouble as trouble:
        typer.echo(f"instar: {trouble}", err=True)
        raise typer.Exit(1) from None
