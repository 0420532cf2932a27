"""The API of an `instar up` with an outside issuer shows a certificate that no credentials name."""

import asyncio
import json
import ssl
from pathlib import Path

from instar.connection.settings import Settings
from instar.doctor import reach
from instar.doctor.place import Place
from instar.domain.checkup.findings import Finding, Level
from instar.stack.certificates import local_certificates
from tests.support.http_servers import server

READY = json.dumps({"status": "ready", "temporal": "up"}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(READY), READY)


async def found(data: Path, certificates: Path) -> Finding:
    files = local_certificates(certificates)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.certificate, files.key)
    async with server(ANSWER, tls=tls) as there:
        place = Place(Settings(data_dir=data), "", data, endpoint=f"https://localhost:{there.port}")
        [finding] = await asyncio.to_thread(reach.api, place)
    return finding


async def test_the_authority_of_this_data_directory_is_trusted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    assert (await found(data, data / "tls")).level is Level.OK


async def test_no_other_one_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    finding = await found(data, tmp_path / "elsewhere")
    assert finding.level is Level.PROBLEM
    assert "certificate" in finding.found
