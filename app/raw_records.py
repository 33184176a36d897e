"""How a webhook lies in its raw topic: the record's key and headers, for whoever writes or reads one."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from app.errors import BadInputError
from app.vocabulary import Provider

TENANT_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""A tenant's name: it stands in keys and accounts, next to separators that it may not contain."""

ACCOUNT_PATTERN = r"[\x21-\x7e]{1,128}"
"""A credit account's name."""

_TENANT = re.compile(TENANT_PATTERN)
_ACCOUNT = re.compile(ACCOUNT_PATTERN)
# at most 17 digits, the year 5138: every such number is a valid point in time
_MICROSECONDS = re.compile(r"[0-9]{1,17}")

_LONGEST_KEY_BYTES = 256

MOST_BYTES = 1_000_000
"""Of a webhook's body; the gateway takes no larger ones, and a topic takes 1 MiB unless it comes compressed."""

_MESSAGE_IDS: dict[Provider, tuple[tuple[str, ...], ...]] = {
    Provider.TEEKRR: (("data", "messageUuid"),),
    # the three generations of the payload, the present one first
    Provider.WEBEX_INTERACT: (("transaction_id",), ("correlation_id",), ("data", "correlationid")),
    Provider.PRELUDE: (("payload", "message_id"),),
    # integers in treble's other payloads; its template events have an event id only
    Provider.TREBLE: (("conversation_id",), ("event_id",)),
}
# `payload.id` is the message's own id in this event alone; in the others it is the id of a status
_PRELUDE_CREATED = "transactional.message.created"


class Provenance(NamedTuple):
    """What the headers of a raw record say about it."""

    tenant: str
    received_at: int | None
    """Microseconds since 1970; None: the record's own timestamp is the best there is."""
    account: str
    """Credit account; empty: the provider's default account of the tenant."""


def record_key(provider: str, body: bytes) -> bytes | None:
    """Return the provider's message id in a webhook's body, or None if it cannot be found.

    It keeps the events of one message in one partition; a body that cannot be read is still to be stored, without key.
    Raises ValueError for an unknown provider only.
    """
    return key_of(Provider(provider), parsed(body))


def parsed(body: bytes) -> object:
    """Return the JSON in a body; None for anything else."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def key_of(provider: Provider, document: object) -> bytes | None:
    """Return what `record_key` does, for a body that is parsed."""
    paths = _MESSAGE_IDS[provider]
    if provider is Provider.PRELUDE and at(document, ("type",)) == _PRELUDE_CREATED:
        paths = (*paths, ("payload", "id"))
    return next((key for path in paths if (key := _key(at(document, path))) is not None), None)


def headers(tenant: str, received_at_us: int, source: str, *, verified: bool, account: str) -> list[tuple[str, bytes]]:
    """Return the headers of a raw record; an empty account leaves its header out."""
    return [received_at(received_at_us), *lasting_headers(tenant, source, verified=verified, account=account)]


def received_at(moment_us: int) -> tuple[str, bytes]:
    """Return the header that says when a webhook came."""
    return "received-at", b"%d" % moment_us


def lasting_headers(tenant: str, source: str, *, verified: bool, account: str) -> list[tuple[str, bytes]]:
    """Return the others, which are the same for all that comes from one source."""
    pairs = [
        ("tenant", tenant.encode()),
        ("source", source.encode()),
        ("verified", b"true" if verified else b"false"),
    ]
    if account:
        pairs.append(("account", account.encode()))
    return pairs


def read_headers(pairs: Iterable[tuple[str, bytes | None]]) -> Provenance:
    """Read the headers of a raw record, from whatever producer; the last one of a name counts.

    Raises BadInputError if the tenant is missing, or if one of the three is not as it should be.
    """
    found = dict(pairs)
    tenant = _text(found, "tenant", _TENANT, "1 to 64 letters, digits, '.', '_' or '-'")
    if not tenant:
        raise BadInputError("header tenant: missing; every raw record needs one")
    received_at = _text(found, "received-at", _MICROSECONDS, "microseconds since 1970 in at most 17 digits")
    account = _text(found, "account", _ACCOUNT, "1 to 128 visible ASCII characters")
    return Provenance(tenant, int(received_at) if received_at else None, account)


def _text(found: dict[str, bytes | None], name: str, pattern: re.Pattern[str], expected: str) -> str:
    raw = found.get(name)
    if raw is None:
        return ""
    text = raw.decode("ascii", "replace")
    if not pattern.fullmatch(text):
        raise BadInputError(f"header {name}: {len(raw)} bytes that are not {expected}")
    return text


def at(document: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 - JSON of unknown shape
    """Return what stands at a path of names; None if nothing does."""
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def _key(value: Any) -> bytes | None:  # noqa: ANN401 - JSON of unknown shape
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    key = value.encode()
    return key if 0 < len(key) <= _LONGEST_KEY_BYTES else None
