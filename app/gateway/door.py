"""Who may post what, and which answer says what; knows nothing of sockets."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace

from app.errors import BadInputError, SignatureError
from app.gateway.clients import Clients, within
from app.gateway.decoding import CODINGS, decoded
from app.gateway.entrances import Entrances, Found
from app.gateway.handshake import Handshake, handshake
from app.gateway.http.answers import Answer, refusal
from app.gateway.http.refusals import Kind, Refusals
from app.gateway.http.request import Exchange, Head, Visit
from app.gateway.metrics import answered, count, used
from app.gateway.producer import RawEntry
from app.gateway.store import Store
from app.raw_records import key_of, parsed
from app.topics import RAW_TOPICS
from app.verifying import Request
from app.vocabulary import Provider

_PREFIX = "/v1/webhooks/"
_RETRY_AFTER_S = 5
# an empty JSON object suits all of them: Teekrr wants JSON, treble valid JSON, the others the 200 alone
STORED = Answer(200)
UNKNOWN = refusal(401, "unauthorized", more='WWW-Authenticate: Basic realm="webhooks"')
"""Whatever is wrong: who knows no secret is not told which endpoints exist."""

_log = logging.getLogger(__name__)


class Door:
    """Looks at requests, and has webhooks stored."""

    def __init__(self, store: Store, pages: Mapping[str, Visit], body_bytes: int) -> None:
        self.refusals = Refusals(_log)
        self.store = store
        self.body_bytes = body_bytes
        self._pages = pages
        self.entrances: Entrances
        self.clients: Clients

    def admit(self, head: Head) -> Visit | Answer:
        """Look at a request before its body is read."""
        page = self._pages.get(head.path)
        if page is not None:
            return page if head.method in {"GET", "HEAD"} else self._turned_away(405, "method", "Allow: GET, HEAD")
        if not head.path.startswith(_PREFIX):
            return self._turned_away(404, "path")
        if head.method != "POST":
            return self._turned_away(405, "method", "Allow: POST")
        coding = head.headers.get("content-encoding", "").lower()
        if coding not in CODINGS:
            return self._turned_away(415, "content_encoding")
        provider, _, last = head.path[len(_PREFIX) :].partition("/")
        found = self.entrances.find(provider, last, head.received_at_us / 1e6)
        networks = found.entrance.endpoint.allow_from
        if networks and not within(self.clients.address(head), networks):
            found = self.entrances.nobody(provider)
        return _Webhook(self, found, head, coding)

    def is_proxy(self, address: str) -> bool:
        """Tell whether an address is that of a proxy of one's own, as of now."""
        return self.clients.is_proxy(address)

    def refused(self, status: int, cause: str) -> None:
        """Count and log what was refused before anybody could tell what it is."""
        count("", "", cause)
        self.refusals.note(Kind(status, "-", cause), time.monotonic())

    def _turned_away(self, status: int, cause: str, more: str = "") -> Answer:
        self.refused(status, cause)
        return refusal(status, cause, more=more)


class _Refused(Exception):  # noqa: N818 - an answer, no error of ours
    """A webhook gets an answer other than 2xx."""

    def __init__(self, answer: Answer, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.outcome = outcome


class _Webhook:
    """One webhook between its headers and its answer."""

    __slots__ = ("_began", "_coding", "_credential", "_door", "_entrance", "_exchange", "_head", "_on_success")

    def __init__(self, door: Door, found: Found, head: Head, coding: str) -> None:
        self._door = door
        self._entrance, self._credential = found
        self._head = head
        self._coding = coding
        self._exchange: Exchange | None = None
        self._began = time.monotonic()
        self._on_success = STORED

    def take(self, body: bytes, exchange: Exchange) -> None:
        """Check it, have it stored, and answer."""
        self._exchange = exchange
        try:
            self._take(body)
        except _Refused as refused:
            self._refuse(refused)

    def given_up(self, status: int, cause: str) -> None:
        """Count what got no answer of ours; the record may still be stored."""
        self._exchange = None
        self._note(status, cause, cause)

    def _take(self, body: bytes) -> None:
        endpoint = self._entrance.endpoint
        plain = self._checked(body)
        shake = Handshake.NONE
        if endpoint.provider is Provider.WEBEX_INTERACT:
            shake = handshake(plain)
            if shake is not Handshake.NONE:
                # never as a page: the body is a stranger's
                self._on_success = Answer(200, plain, "text/plain")
        document = None if shake is Handshake.CERTAIN else parsed(plain)
        if shake is Handshake.NONE:
            self._check_document(document)
        wait_s = self._entrance.wait_s(self._began)
        if wait_s > 0:
            raise _Refused(refusal(429, "too_many", math.ceil(wait_s)), "too_many", "more than rate_per_s")
        if shake is Handshake.CERTAIN:
            self._note(200, "handshake", "")
            self._answer(self._on_success)
            return
        pairs = self._entrance.headers(self._head.received_at_us)
        if plain is not body:
            pairs.append(("content-encoding", self._coding.encode()))
        entry = RawEntry(RAW_TOPICS[endpoint.provider], key_of(endpoint.provider, document), plain, pairs)
        self._door.store.put(entry, self._stored)

    def _check_document(self, document: object) -> None:
        try:
            self._entrance.check_document(document, self._head.received_at_us)
        except SignatureError as error:
            raise _Refused(UNKNOWN, "unauthorized", str(error)) from None

    def _checked(self, body: bytes) -> bytes:
        """Return the body as it is to be stored; a provider may sign it packed or unpacked."""
        try:
            plain = decoded(body, self._coding, self._door.body_bytes)
        except BadInputError as error:
            raise _Refused(refusal(400, "content_encoding"), "content_encoding", str(error)) from None
        url = self._door.clients.url(self._head)
        request = Request(self._head.method, url, self._head.headers, body, self._head.received_at_us / 1e6)
        try:
            name = self._entrance.verify(request)
        except SignatureError as error:
            if plain is body:
                raise _Refused(UNKNOWN, "unauthorized", str(error)) from None
            name = self._verified(replace(request, body=plain))
        if name := name or self._credential:
            used(self._entrance.name, name)
        return plain

    def _verified(self, request: Request) -> str:
        try:
            return self._entrance.verify(request)
        except SignatureError as error:
            raise _Refused(UNKNOWN, "unauthorized", str(error)) from None

    def _stored(self, problem: str) -> None:
        if problem:
            answer = refusal(503, "not_stored", _RETRY_AFTER_S)
            self._refuse(_Refused(answer, "not_stored", problem))
            return
        self._note(200, "stored", "")
        self._answer(self._on_success)

    def _refuse(self, refused: _Refused) -> None:
        self._note(refused.answer.status, refused.outcome, str(refused))
        self._answer(refused.answer)

    def _answer(self, answer: Answer) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            answered(self._entrance.name, time.monotonic() - self._began)
            exchange.answer(answer)

    def _note(self, status: int, outcome: str, reason: str) -> None:
        entrance = self._entrance
        count(entrance.endpoint.provider if entrance.name else "", entrance.name, outcome)
        if reason:
            self._door.refusals.note(Kind(status, entrance.name or "-", reason), time.monotonic())
