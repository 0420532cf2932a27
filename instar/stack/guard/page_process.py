"""The guard of a page alone, whose Temporal server is elsewhere: `python -P -m instar.stack.guard.page_process`.

For docker-compose.yml, where page and server have a network to themselves. It makes `page.json` in INSTAR_DATA_DIR;
`instar page --temporal` there prints links.
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import uvicorn
from pydantic import ValidationError

from instar.connection.logs import log_to_stderr
from instar.connection.remarks.problems import first_problem
from instar.connection.sealed_payloads import sealed_payloads
from instar.connection.settings import Settings
from instar.private_files import keep_new_files_private
from instar.serving.server import CannotServe, QuietServer
from instar.stack.guard.links import Sessions
from instar.stack.guard.page import page_app
from instar.stack.guard.place import made_page
from instar.store.errors import SealingError

GRACE_SECONDS = 5


def main() -> None:
    """Read the command line and the settings, and guard until a signal."""
    given = arguments(sys.argv[1:])
    keep_new_files_private()
    log_to_stderr()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(given, Settings()))
    except ValidationError as error:
        sys.exit(f"page: the settings are wrong: {first_problem(error)}")
    except (CannotServe, OSError, SealingError) as error:
        sys.exit(f"page: {error}")


async def _serve(given: argparse.Namespace, settings: Settings) -> None:
    settings.make_data_dir()
    page = made_page(settings.data_dir, given.published_port or given.port)
    app = page_app(page.url, given.of, Sessions(page.key), sealed_payloads(settings))
    config = uvicorn.Config(
        app,
        host=given.host,
        port=given.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = QuietServer(config, settings.connections)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
    await server.serve()


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """What the command line says. Exits with 2 for nonsense."""
    parser = argparse.ArgumentParser(prog="python -P -m instar.stack.guard.page_process", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=_port, default=8233)
    parser.add_argument("--published-port", type=_port, help="under which browsers reach it, where that is another")
    parser.add_argument("--of", type=_url, required=True, help="URL of the page itself")
    return parser.parse_args(words)


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 2**16:
        raise argparse.ArgumentTypeError("a port is from 1 to 65535")
    return port


def _url(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError("a URL such as http://temporal-ui:8080")
    return text.rstrip("/")


if __name__ == "__main__":
    main()
