"""Who may look at what: bearer tokens, each for the rows of one tenant or of all."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from app.settings import Token
from app.web.answers import Refused

ALL_TENANTS = "*"

_SCHEME = "bearer"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="undelivered"'}


class Caller(NamedTuple):
    """Whoever holds a token."""

    tenant: str
    """The one whose rows they may see; ``*``: all."""

    def may_see(self, tenant: str) -> bool:
        """Tell whether a tenant's rows are theirs to see."""
        return self.tenant in {ALL_TENANTS, tenant}

    def check(self, tenant: str) -> None:
        """Raise Refused (403) for another tenant's rows, whether there are any or not."""
        if not self.may_see(tenant):
            raise Refused(403, "tenant: this token is for another one")


class Gate:
    """Lets in whoever has a token; without tokens nobody."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        # digests are of one length, so that comparing them tells nothing about a token, not even how long it is
        self._callers = [(_digest(each.token.text), each.token.until, Caller(each.tenant)) for each in tokens]

    def caller(self, authorization: str | None) -> Caller:
        """Return who sent this ``Authorization`` header.

        Raises Refused (401).
        """
        scheme, _, token = (authorization or "").partition(" ")
        digest = _digest(token.strip())
        # all of them, so that the time tells nothing about which
        now = datetime.now(UTC)
        found = [
            caller
            for known, until, caller in self._callers
            if compare_digest(known, digest) and (until is None or now <= until)
        ]
        if scheme.lower() != _SCHEME or not found:
            raise Refused(401, "authorization: expected 'Bearer' and a valid token", _CHALLENGE)
        return found[0]

    def caller_of(self, request: web.Request) -> Caller:
        """Return who sent a request.

        Raises Refused (401).
        """
        return self.caller(request.headers.get("Authorization"))


def closed_except(open_paths: Collection[str], gate: Gate) -> Middleware:
    """Return a middleware that asks for a token everywhere but on some routes, given by their exact paths."""

    @web.middleware
    async def ask_for_token(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        # by the route that was found, not by the path as sent: what has no route is closed too
        if resource is None or resource.canonical not in open_paths:
            gate.caller_of(request)
        return await handler(request)

    return ask_for_token


def _digest(token: str) -> bytes:
    # aiohttp decodes headers that way
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
