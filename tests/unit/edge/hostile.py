"""Records that fit their schemas and nothing else: what anybody may write to a topic that agents read."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from app import avro
from app.topics import Topic
from tests.unit.domain.samples import EMAIL, SMS, T0, asked, command, confirmed, credit, entry, failed, health, stats

BASES: dict[Topic, Mapping[str, Any]] = {
    Topic.DELIVERY_FAILED: failed("e", T0),
    Topic.DELIVERY_CONFIRMED: confirmed("e", T0),
    Topic.SUPPRESSION_REQUESTED: asked("e", T0, "suppress"),
    Topic.CREDIT_REQUESTED: command("e", "grant", 1_000_000),
    Topic.CREDIT_ENTRY: entry("e", "settle", 10_000),
    Topic.CREDIT_CHANGED: credit(1_000_000, 900_000),
    Topic.DELIVERY_STATS: stats(T0),
    Topic.PROVIDER_HEALTH: health((T0, None)),
}
"""A plain record of each topic."""

_TEXTS = st.sampled_from(
    [
        *("", "a", "acme", "~acme", "a/b", "x\x1fy", "\x00", "{0}", "*", "'", 'a,"b"\n', "x" * 64, "x" * 256),
        *("é" * 256, '"' * 160, "\U0001f600" * 160, "\x85" * 256, "x" * 257, "x" * 3000, EMAIL, SMS, "@" * 320),
        *("sms", "whatsapp", "email", "teekrr", "acme/teekrr", "raw.teekrr", "MYR", "provider:x"),
        *("mailbox_full", "recipient_opted_out", "recipient_suppressed", "sender_credentials", "template_error"),
        *("delivered", "read", "opted_in", "accepted", "failed", "message", "reservation_stale", "invariant_broken"),
    ]
) | st.text(max_size=20)
_EDGES = [0, 1, -1, 60_000_000, T0, 10**6, 10**15, 10**17, 10**18, 2**31, 2**62, -(10**15), -(2**63), 2**63 - 1]
_LONGS = st.sampled_from(_EDGES) | st.integers(T0 - 10**14, T0 + 10**14) | st.integers(-(2**63), 2**63 - 1)


def _values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a schema
    if isinstance(kind, list):
        return st.one_of([_values(each) for each in kind])
    if isinstance(kind, dict):
        if kind["type"] == "enum":
            return st.sampled_from(kind["symbols"])
        if kind["type"] == "array":
            return st.lists(_values(kind["items"]), max_size=40)
        if kind["type"] == "record":
            return st.fixed_dictionaries({each["name"]: _values(each["type"]) for each in kind["fields"]})
        return _values(kind["type"])
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "null": st.none(),
        "string": _TEXTS,
        "long": _LONGS,
        "int": st.integers(-(2**31), 2**31 - 1),
        "boolean": st.booleans(),
        "double": st.floats(allow_nan=False),
    }
    return strategies[kind]


def _fields(topic: str) -> dict[str, st.SearchStrategy[Any]]:
    return {each["name"]: _values(each["type"]) for each in avro.plain_schema(topic)["fields"]}


def anything(topic: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any record of a topic's schema."""
    return st.fixed_dictionaries(_fields(topic))


def changed(topic: Topic) -> st.SearchStrategy[dict[str, Any]]:
    """A plain record with some of its fields made anything: many of these pass the edge."""
    fields = _fields(topic)
    few = st.sets(st.sampled_from(sorted(fields)), max_size=4)
    changes = few.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in sorted(names)}))
    return changes.map(lambda found: {**BASES[topic], **found})
