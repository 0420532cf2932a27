"""What the command line tells a person instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from instar.domain.legible import legible_lines


class Trouble(Exception):
    """Something that a person can mend; its text says what is wrong and what to do."""

    exit_status = 1


class Nonsense(Trouble):
    """An argument that can mean nothing, whatever there is."""

    exit_status = 2


@contextmanager
def ended() -> Iterator[None]:
    """Turn trouble into its sentence and its status."""
    try:
        yield
    except Trouble as trouble:
        typer.echo(legible_lines(f"instar: {trouble}"), err=True)
        raise typer.Exit(trouble.exit_status) from None
