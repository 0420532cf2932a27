"""Instar's own small issuer: client credentials, and tokens that say whose they are.

It is what lets `az login` work with no cloud. Tokens are good for an hour at the most, and for as long as their
client is not revoked: that is looked up at each request.
"""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import jwt

from api.access.principals import Principal, TokenRefused
from api.access.signing_keys import ALGORITHM, SigningKey
from api.remembered.tokens import VerifiedTokens
from instar.compute.clock import Clock
from instar.store.credentials import Credential, Stored
from instar.store.store import Store

TENANT = "11111111-1111-1111-1111-111111111111"
"""The one tenant: a name that clients need, no more."""

AUDIENCE = "https://instar"
"""What every token of ours is for, whatever resource the client asked for a token of."""

ISSUER = f"{AUDIENCE}/{TENANT}/v2.0"
"""Who says so in a token. The discovery document's `issuer` is a URL under the address that the client used."""

LIFE = timedelta(hours=1)

SLOW_TRIES_AT_ONCE = 2
"""Secrets of earlier releases that are hashed at once: that takes long, and the threads are those of all requests."""


class OwnIssuer:
    """Issues and verifies."""

    def __init__(self, key: SigningKey, store: Store, clock: Clock) -> None:
        self._key = key
        self._store = store
        self._clock = clock
        self._slow_tries = asyncio.Semaphore(SLOW_TRIES_AT_ONCE)
        self._verified = VerifiedTokens[str]()

    @property
    def keys(self) -> dict[str, Any]:
        """The JSON Web Key Set with which anybody can verify our tokens."""
        return {"keys": [self._key.public_jwk]}

    @property
    def key_id(self) -> str:
        """What the key that signs is told from others by."""
        return self._key.key_id

    async def issued(self, client_id: str, secret: str) -> str | None:
        """A token for a client that knows its secret; None for anybody else."""
        credentials = self._store.credentials
        stored = await asyncio.to_thread(credentials.stored, client_id)
        if stored is None or not await self._is_opened(stored, secret):
            return None
        if stored.is_slow:
            await asyncio.to_thread(credentials.keep_fast, client_id, secret)
        return self._token(stored.credential, self._clock())

    async def minted(self, client_id: str) -> str | None:
        """A token for a client that has proved itself before; None if it was revoked since, or is not there."""
        client = await asyncio.to_thread(self._store.credentials.get, client_id)
        if client is None or client.revoked_at is not None:
            return None
        return self._token(client, self._clock())

    async def _is_opened(self, stored: Stored, secret: str) -> bool:
        if not stored.is_slow:
            return stored.is_opened_by(secret)
        async with self._slow_tries:
            return await asyncio.to_thread(stored.is_opened_by, secret)

    def _token(self, client: Credential, now: datetime) -> str:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": client.client_id,
            "oid": client.client_id,
            "appid": client.client_id,
            "app_displayname": client.name,
            "tid": TENANT,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + LIFE).timestamp()),
            "jti": str(uuid.uuid4()),
            "ver": "1.0",
        }
        return self._key.sign(claims)

    def knows(self, token: str) -> bool:
        """Whether it was verified here before, so that it is ours."""
        return token in self._verified

    async def verified(self, token: str) -> Principal:
        """Whose token it is. Raises TokenRefused."""
        subject = self.subject_of(token)
        return principal_of(await asyncio.to_thread(self._store.credentials.get, subject))

    def subject_of(self, token: str) -> str:
        """The client that a token was given to, which may have been revoked since. Raises TokenRefused."""
        now = self._clock().timestamp()
        if (known := self._verified.get(token, self._key, now)) is not None:
            return known
        try:
            claims = jwt.decode(
                token,
                self._key.private.public_key(),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            expires_at, valid_from = float(claims["exp"]), float(claims.get("nbf", 0)) - 1
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError) as error:
            raise TokenRefused(str(error)) from None
        # By our own clock, the one that issued it.
        if not valid_from <= now < expires_at:
            raise TokenRefused("it has expired, or is not good yet")
        subject = str(claims["sub"])
        self._verified.keep(token, self._key, subject, begins=valid_from, ends=expires_at)
        return subject


def principal_of(client: Credential | None) -> Principal:
    """The principal of a client that our tokens name. Raises TokenRefused where it was revoked, or is not there."""
    if client is None or client.revoked_at is not None:
        raise TokenRefused("its client was revoked")
    return Principal(client.client_id, client.name, (client.client_id,))


def is_ours(claims: dict[str, Any]) -> bool:
    """Whether a token says that it is one of ours."""
    return claims.get("iss") == ISSUER
