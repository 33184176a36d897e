"""The fields of each topic that agents read, and what is asked of them.

Every text that a row keeps, a key holds or a record copies has a length here, every number a range, every list a most.
A word is asked for where it keys a row: one that only a newer version knows waits in ``dead.letter``.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from app.edge import bounds
from app.edge.fields import Field, Record, identity, kind, moment, number, optional, pattern, text, word
from app.raw_records import ACCOUNT_PATTERN, TENANT_PATTERN
from app.topics import RAW_TOPICS, Topic
from app.vocabulary import Channel

_EVENT_ID = identity("event_id", required=True)
_TENANT = pattern("tenant", TENANT_PATTERN, 64, "1 to 64 letters, digits, '.', '_' or '-', a letter or digit first")
_PROVIDER = pattern("provider", TENANT_PATTERN, 64, "1 to 64 letters, digits, '.', '_' or '-'")
_CHANNEL = word("channel", Channel)
_ACCOUNT = pattern("account", ACCOUNT_PATTERN, 128, "1 to 128 visible ASCII characters")
_MESSAGE_ID = identity("message_id")
_CURRENCY = pattern("currency", "(?:[A-Z]{3})?", 3, "a code of ISO 4217, or nothing")
_RAW_PARTITION = number("raw_partition", range(-1, bounds.MOST_PARTITIONS), "a partition, or -1")
_RAW_OFFSET = number("raw_offset", range(-1, 1 << 63), "an offset, or -1")
_WINDOW = number("window_minutes", range(1 << 31), "minutes")
_AMOUNTS = range(-bounds.MOST_MICROS, bounds.MOST_MICROS + 1)
_SUMS = range(-bounds.MOST_SUM_MICROS, bounds.MOST_SUM_MICROS + 1)
_AMOUNT = f"millionths of a unit, at most {bounds.MOST_MICROS} either way"
_SUM = f"millionths of a unit, at most {bounds.MOST_SUM_MICROS} either way"
_TOTALS = range(bounds.MOST_SUM_MICROS)


def _are_samples(samples: list[str]) -> bool:
    return len(samples) <= bounds.MOST_SAMPLES and all(len(each) <= bounds.LONGEST_SAMPLE for each in samples)


def _are_periods(periods: list[dict[str, Any]]) -> bool:
    """Tell whether periods follow each other, none of them empty and only the last one open."""
    if len(periods) > bounds.MOST_PERIODS:
        return False
    ends = [bounds.LATEST_DERIVED if each["until"] is None else each["until"] for each in periods]
    return (
        all(each["until"] is not None for each in periods[:-1])
        and all(0 <= each["since"] <= end <= bounds.LATEST_DERIVED for each, end in zip(periods, ends, strict=True))
        and all(before["until"] <= after["since"] for before, after in pairwise(periods))
    )


_SAMPLES = Field(
    "samples",
    f"at most {bounds.MOST_SAMPLES} texts of at most {bounds.LONGEST_SAMPLE} characters",
    fits=_are_samples,
)
_PERIODS = Field(
    "periods",
    f"at most {bounds.MOST_PERIODS} times, oldest first, of which the last may be open",
    fits=_are_periods,
)

_DELIVERY = (
    _EVENT_ID,
    _TENANT,
    _PROVIDER,
    _CHANNEL,
    text("recipient", bounds.LONGEST_ADDRESS),
    text("recipient_given", bounds.LONGEST_ADDRESS),
    moment("occurred_at"),
    moment("received_at"),
    identity("message_id"),
    text("account"),
    text("provider_account"),
    text("correlation_id"),
    text("campaign_id"),
    text("recipient_kind"),
    text("event_id_basis"),
    text("provider_event_id"),
    text("provider_event"),
)
"""What failures and confirmations share; the pointer to their webhook goes no further."""

_RECORDS: dict[str, Record] = {
    Topic.DELIVERY_FAILED: Record(
        *_DELIVERY,
        kind("reason"),
        text("code", bounds.LONGEST_CODE),
        text("diagnostic", bounds.LONGEST_DIAGNOSTIC),
        text("smtp_reply"),
        text("smtp_enhanced"),
        text("receiver"),
        text("mapping_version"),
    ),
    Topic.DELIVERY_CONFIRMED: Record(*_DELIVERY, kind("kind")),
    Topic.SUPPRESSION_REQUESTED: Record(
        _EVENT_ID,
        _TENANT,
        word("channel", ("", *Channel)),
        text("recipient", bounds.LONGEST_ADDRESS),
        text("reason", bounds.LONGEST_WORD),
        moment("occurred_at"),
        text("requested_by", bounds.LONGEST_NAME),
        optional(moment("until", range(bounds.LATEST_END + 1))),
        text("note", bounds.LONGEST_NOTE),
        text("raw_topic"),
        _RAW_PARTITION,
        _RAW_OFFSET,
        text("raw_sha256"),
        optional(moment("received_at")),
    ),
    Topic.CREDIT_REQUESTED: Record(
        _EVENT_ID,
        _TENANT,
        _ACCOUNT,
        number("amount_micros", _AMOUNTS, _AMOUNT),
        _CURRENCY,
        _MESSAGE_ID,
        moment("occurred_at"),
        text("requested_by", bounds.LONGEST_NAME),
        text("note", bounds.LONGEST_NOTE),
    ),
    Topic.CREDIT_ENTRY: Record(
        _EVENT_ID,
        _TENANT,
        _ACCOUNT,
        _MESSAGE_ID,
        optional(number("amount_micros", _AMOUNTS, _AMOUNT)),
        _CURRENCY,
        moment("occurred_at"),
        moment("received_at"),
        _PROVIDER,
        text("provider_event", bounds.LONGEST_NAME),
        # with the partition: a source whose progress is remembered
        word("raw_topic", ("", *RAW_TOPICS.values())),
        _RAW_PARTITION,
        _RAW_OFFSET,
        text("raw_sha256"),
    ),
    Topic.CREDIT_CHANGED: Record(
        _TENANT,
        _ACCOUNT,
        _CURRENCY,
        number("granted_micros", _SUMS, _SUM),
        number("available_micros", _SUMS, _SUM),
        number("reserved_micros", _SUMS, _SUM),
        number("spent_micros", _SUMS, _SUM),
        kind("cause"),
        _MESSAGE_ID,
        number("amount_micros", _SUMS, _SUM),
        moment("occurred_at", range(bounds.LATEST_DERIVED)),
    ),
    Topic.DELIVERY_STATS: Record(
        _TENANT,
        _PROVIDER,
        _CHANNEL,
        kind("outcome"),
        kind("reason", empty=True),
        moment("minute"),
        number("count", range(1, bounds.MOST_COUNT + 1), f"1 to {bounds.MOST_COUNT}"),
        text("sample_code", bounds.LONGEST_CODE),
        _SAMPLES,
    ),
    Topic.PROVIDER_HEALTH: Record(
        _TENANT,
        _PROVIDER,
        _CHANNEL,
        number("failures", _TOTALS, "a count"),
        number("total", _TOTALS, "a count"),
        _WINDOW,
        moment("since", range(bounds.LATEST_DERIVED)),
        moment("changed_at", range(bounds.LATEST_DERIVED)),
        _PERIODS,
    ),
}


def check(topic: str, event: Mapping[str, Any]) -> None:
    """Check a decoded record of a topic that agents read.

    Raises BadInputError.
    """
    _RECORDS[topic].check(event)
