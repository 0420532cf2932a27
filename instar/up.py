"""`instar up`: everything on this machine until Ctrl-C, going on where it was."""

import os
from pathlib import Path

import typer

from instar.data_dir import claimed
from instar.processes import ProcessGroup, Stopped
from instar.stack import Ports, start_stack


def up(data_dir: Path, api_port: int, temporal_port: int, ui_port: int) -> None:
    """Run until a signal; the last line that is printed when all is up is `ready <URL of the API>`.

    Raises Trouble if a port or the directory cannot be had, or a process dies.
    """
    with claimed(data_dir) as directory:
        ports = Ports.chosen(api_port, temporal_port, ui_port)
        with ProcessGroup(directory / "logs", say) as group:
            try:
                say(f"starting Temporal, worker and API; data in {directory}, logs in {directory / 'logs'}")
                start_stack(group, directory, ports, os.environ)
                say(f"Temporal      {ports.temporal_address}")
                say(f"Temporal page {ports.ui_url}")
                say(f"API           {ports.api_url}/docs")
                say("Ctrl-C stops all; a second one at once")
                say(f"ready {ports.api_url}")
                while True:
                    group.pause(1)
            except Stopped as stopped:
                say(f"{stopped}: stopping API, worker and Temporal")


def say(line: str) -> None:
    """A line to whoever started us; a reader that went away is no reason to stop."""
    try:
        typer.echo(line)
    except BrokenPipeError:
        return
