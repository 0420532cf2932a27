"""What we sign, the public library of Standard Webhooks verifies."""

import base64
import json
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from instar.compute.clock import utc_now
from instar.outbound.signatures import PREFIX, Secret

TEXT = PREFIX + base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()
BODY = json.dumps({"text": "\u00e9"}).encode()


def test_n1_a_signature_is_verified_by_the_public_library() -> None:
    headers = Secret.of(TEXT).headers("web-1-7", BODY, utc_now())
    assert Webhook(TEXT).verify(BODY, headers) == {"text": "\u00e9"}


def test_n1_another_body_id_moment_or_secret_is_not_verified() -> None:
    headers = Secret.of(TEXT).headers("web-1-7", BODY, utc_now())
    other = PREFIX + base64.b64encode(b"x" * 32).decode()
    late = Secret.of(TEXT).headers("web-1-7", BODY, utc_now() - timedelta(hours=1))
    for secret, body, sent in (
        (other, BODY, headers),
        (TEXT, b"{}", headers),
        (TEXT, BODY, headers | {"webhook-id": "web-1-8"}),
        (TEXT, BODY, late),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, sent)


@pytest.mark.parametrize(
    "text", ["", "hunter2", PREFIX, PREFIX + "hunter2", PREFIX + base64.b64encode(b"x" * 23).decode(), TEXT[6:]]
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand") as refused:
        Secret.of(text)
    assert "hunter2" not in str(refused.value)


def test_a_secret_does_not_show_itself() -> None:
    assert "0123" not in repr(Secret.of(TEXT))
