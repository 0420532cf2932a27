"""What every answer tells browsers."""

import base64
import hashlib

import pytest

from instar.serving.headers import policy_of
from tests.api.conftest import SCALE_SET, Api


@pytest.mark.parametrize(
    "path", ["/healthz", "/openapi.json", "/nowhere", SCALE_SET, "/static-offline-docs/swagger-ui.css"]
)
async def test_every_answer_forbids_to_guess_types_and_to_load_anything(api: Api, path: str) -> None:
    answer = await api.http.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-frame-options"] == "DENY"


async def test_the_docs_run_their_own_scripts_alone(api: Api) -> None:
    answer = await api.http.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert answer.text.count("<script>") == 1
    script = answer.text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_page_without_scripts_runs_none_but_files_of_ours() -> None:
    assert b"script-src 'self';" in policy_of(b"<p>no script</p>")
