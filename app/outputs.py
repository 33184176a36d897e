"""What pure code hands back to an agent: records to write, rows to change, input that cannot be read."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Output(NamedTuple):
    """One record to be written in the transaction of the batch it came from."""

    topic: str
    key: str
    value: Mapping[str, Any]
    """A record of :mod:`app.events`, encoded with the schema named after the topic."""


class DeadLetter(NamedTuple):
    """An input that cannot be read; the agent adds the original bytes and where they stood."""

    error: str
    """Name of the error's class."""
    text: str
    """What a person can act on: the field, the kind of value, what was expected; never the value."""


class RawRecord(NamedTuple):
    """A webhook as it stands in a raw topic, or would."""

    provider: str
    value: bytes
    tenant: str
    received_at: int
    """Microseconds since 1970; header ``received-at``, else the record's timestamp."""
    account: str = ""
    """Credit account; header ``account``, else ``<tenant>/<provider>``."""
    topic: str = ""
    partition: int = -1
    offset: int = -1


class Introduction(NamedTuple):
    """A message's recipient, told by one event for all the others of that message."""

    message_id: str
    recipient: str
    recipient_kind: str
    recipient_given: str
    occurred_at: int


class Normalized(NamedTuple):
    """What one webhook means."""

    outputs: tuple[Output, ...] = ()
    awaits: str = ""
    """Message id whose recipient the outputs lack: they wait for its Introduction. Empty: nothing to wait for."""
    introduces: Introduction | None = None
    dead_letter: DeadLetter | None = None
    ignored: str = ""
    """Name of an event that is neither failure nor confirmation: counted and acknowledged."""
