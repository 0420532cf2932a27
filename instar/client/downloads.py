"""Fetching from a mirror that is not trusted: how much, how long and from where is known before the first byte.

Bodies are taken as they are sent, never decompressed, and nothing is written beyond what was announced.
"""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from instar.client.origins import Origins, Refused
from instar.client.simplestreams import Release
from instar.errors import Trouble

SILENCE_SECONDS = 60.0
"""Without a byte for that long a download is broken off; that of a disk goes on where it was at the next look."""

INDEX_BYTES = 32 << 20
"""Of one document of an index at most. Ubuntu's largest has some."""

INDEX_SECONDS = 120.0
"""For one such document, in all."""

START_SECONDS = 120.0
SLOWEST = 64 * 1024
"""A disk may take START_SECONDS, and a second more for each so many bytes of it."""

DISK_BYTES = 64 << 30
"""What a disk may announce at most."""

REDIRECTS = 5

Progress = Callable[[str, int, int], None]
"""What is being done, how many bytes of it, out of how many."""

Fetched = TypeVar("Fetched")


def document(origins: Origins, url: httpx.URL) -> bytes:
    """One document of an index. Raises Refused, Trouble."""

    async def fetched() -> bytes:
        content = bytearray()
        async with _answer(origins, url, {}) as answer:
            _refuse_more(answer, url, 0, INDEX_BYTES)
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > INDEX_BYTES:
                    raise Refused(f"{url} is longer than {INDEX_BYTES >> 20} MiB: no index is")
        return bytes(content)

    return _run(fetched(), url, f"cannot read {url}", INDEX_SECONDS)


def disk(origins: Origins, url: httpx.URL, file: Path, release: Release, progress: Progress) -> None:
    """Fetch a disk, going on where an earlier attempt was broken off.

    Raises Refused if it is not what was announced (nothing of it is kept) or too slow; Trouble if it was broken off.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_suffix(".part")
    if file.exists():
        file.replace(part)
    done = part.stat().st_size if part.exists() else 0
    try:
        _refuse_size(part.parent, release.size, done)
        if done != release.size:
            seconds = START_SECONDS + release.size / SLOWEST
            fetching = _fetch(origins, url, part, done, release, progress)
            _run(fetching, url, f"the download of {url} was broken off", seconds)
        _refuse_other(part, url, release)
    except Refused:
        part.unlink(missing_ok=True)
        raise
    finally:
        if part.exists() and not part.stat().st_size:
            part.unlink()
    part.replace(file)


def _refuse_size(folder: Path, size: int, done: int) -> None:
    if done > size or size > DISK_BYTES:
        raise Refused(f"a disk of {size} bytes is not fetched: {DISK_BYTES >> 30} GiB is the most")
    if size - done > shutil.disk_usage(folder).free:
        raise Trouble(f"{folder} has no room for a disk of {size >> 20} MiB: free some; what was fetched of it is kept")


async def _fetch(  # noqa: PLR0917  # from there to here, told as it goes
    origins: Origins, url: httpx.URL, part: Path, done: int, release: Release, progress: Progress
) -> None:
    async with _answer(origins, url, {"Range": f"bytes={done}-"} if done else {}) as answer:
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
        done = done if goes_on else 0
        _refuse_more(answer, url, done, release.size)
        with part.open("ab" if goes_on else "wb") as out:
            async for chunk in answer.aiter_raw():
                done += len(chunk)
                if done > release.size:
                    raise Refused(f"{url} is longer than the {release.size} bytes that the index says")
                out.write(chunk)
                progress("download", done, release.size)
    if done < release.size:
        raise Refused(f"{url} has {done} bytes, and the index says {release.size}")


def _refuse_other(part: Path, url: httpx.URL, release: Release) -> None:
    with part.open("rb") as fetched:
        digest = hashlib.file_digest(fetched, "sha256").hexdigest()
    if digest != release.sha256:
        raise Refused(f"{url} is not what the index says: its checksum is {digest[:12]}…, not {release.sha256[:12]}…")


def _refuse_more(answer: httpx.Response, url: httpx.URL, done: int, at_most: int) -> None:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(f"{url} is sent compressed, which was not asked for")
    length = answer.headers.get("Content-Length", "0")
    if not length.isdecimal() or done + int(length) > at_most:
        raise Refused(f"{url} is longer than {at_most} bytes, the most that is taken of it")


@asynccontextmanager
async def _answer(origins: Origins, url: httpx.URL, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
    """The answer at the end of redirects, each of which is allowed. Raises Refused."""
    async with httpx.AsyncClient(timeout=SILENCE_SECONDS) as http:
        for _ in range(REDIRECTS + 1):
            asked = http.build_request("GET", origins.allowed(url), headers=headers | {"Accept-Encoding": "identity"})
            answer = await http.send(asked, stream=True)
            try:
                if not answer.has_redirect_location:
                    _refuse_status(answer, url)
                    yield answer
                    return
                url = url.join(answer.headers["Location"])
            finally:
                await answer.aclose()
    raise Refused(f"more than {REDIRECTS} redirects lead to {url}: no more are followed")


def _refuse_status(answer: httpx.Response, url: httpx.URL) -> None:
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise Refused(f"{url} is shorter than what was fetched of it before; try again")
    if answer.status_code not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
        raise Trouble(f"{url} is answered with {answer.status_code} {answer.reason_phrase}")
    if answer.status_code == httpx.codes.PARTIAL_CONTENT and "Range" not in answer.request.headers:
        raise Refused(f"{url} is answered with a part of it, which was not asked for")


def _run(fetching: Coroutine[Any, Any, Fetched], url: httpx.URL, what: str, seconds: float) -> Fetched:
    """Wait for it, that long at most. Raises Refused if it takes longer, Trouble if the line breaks."""

    async def within() -> Fetched:
        async with asyncio.timeout(seconds):
            return await fetching

    try:
        return asyncio.run(within())
    except TimeoutError:
        raise Refused(f"{url} did not come within {seconds:.0f} s: it is too slow") from None
    except httpx.TimeoutException:
        raise Trouble(f"{what}: nothing came for {SILENCE_SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise Trouble(f"{what}: {str(error) or type(error).__name__}") from None
