"""Stored rows as the public sees them: pure functions from row to JSON.

Event ids that only serve to recognise repeats stay out. Times are RFC 3339 in UTC, money is in millionths of a unit.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from app.domain.accounts import Account, Message, charge_of, oddities, position
from app.domain.rows import Channel, Row, Suppression
from app.events import Micros
from app.identity import Address
from app.vocabulary import AddressKind, SuppressionState
from app.vocabulary import Channel as ChannelName

Json = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = "0001-01-01T00:00:00.000000Z"
_LATEST = "9999-12-31T23:59:59.999999Z"

# their values, for they become keys of JSON
_CHANNELS_OF: dict[str, tuple[str, ...]] = {
    AddressKind.PHONE: (ChannelName.SMS.value, ChannelName.WHATSAPP.value),
    AddressKind.EMAIL: (ChannelName.EMAIL.value,),
}


class Person(NamedTuple):
    """Whom a row of the table ``recipients`` is about."""

    tenant: str
    address: Address


def recipient(person: Person, row: Row, now: Micros) -> Json:
    """Return everything that is known of a recipient; ``may_message`` names the channels that are open.

    ``trial`` closes none: it is the suppression that failures would have brought on a channel of a tenant in dry run.
    """
    names = _channel_names(person, row)
    channels = row.channels
    return {
        **_who(person),
        "may_message": [name for name in names if _in_force(channels.get(name, {}).get("suppression"), now) is None],
        "events": row.tree["events"],
        "channels": {name: _channel(channels[name], now) for name in names if name in channels},
    }


def suppressions(person: Person, row: Row, now: Micros) -> Json:
    """Return whether a recipient may be messaged, for each channel that such an address can have."""
    names = _channel_names(person, row)
    standing = {name: _suppression(row.channels.get(name, {}).get("suppression"), now) for name in names}
    return {**_who(person), "channels": standing}


def account(name: str, stored: Account) -> Json:
    """Return a credit account."""
    tree = stored.tree
    return {
        "account": name,
        "tenant": tree["tenant"],
        "currency": tree["currency"],
        "granted_micros": tree["granted"],
        "available_micros": tree["available"],
        "reserved_micros": tree["reserved"],
        "spent_micros": tree["spent"],
        "sequence": tree.get("events", 0),
        "last_event_at": moment(tree.get("newest")),
        "oddities": tree.get("counts", {}),
        "frozen": tree.get("frozen", False),
    }


def message(account_name: str, message_id: str, tenant: str, stored: Message) -> Json:
    """Return the credit of one message."""
    reserve = stored.get("reserve")
    held = position(stored)
    return {
        "account": account_name,
        "tenant": tenant,
        "message_id": message_id,
        "state": _message_state(stored),
        "reserved_micros": held.reserved,
        "spent_micros": held.spent,
        "reservation": {"at": moment(reserve[0]), "amount_micros": reserve[2], "currency": reserve[3]}
        if reserve
        else None,
        "charges": [
            {"at": moment(charge[0]), "amount_micros": charge[2], "currency": currency}
            for currency, charge in sorted(stored.get("settle", {}).items())
        ],
        "failed_at": moment(stored.get("release")),
        "bounced_at": moment(stored.get("keep")),
        "last_event_at": moment(stored.get("newest")),
        "oddities": sorted(oddities(stored)),
    }


def moment(micros: Micros | None) -> str | None:
    """Return a time as RFC 3339 in UTC with microseconds; one outside the years 1 to 9999 becomes their end."""
    if micros is None:
        return None
    try:
        when = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return _LATEST if micros > 0 else _EARLIEST
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _who(person: Person) -> Json:
    return {"tenant": person.tenant, "address": person.address.value, "kind": person.address.kind}


def _channel_names(person: Person, row: Row) -> list[str]:
    return sorted({*_CHANNELS_OF.get(person.address.kind, ()), *row.channels})


def _channel(channel: Channel, now: Micros) -> Json:
    failed = channel.get("failed", {})
    last_failure = channel.get("last_failure")
    trial = _in_force(channel.get("trial"), now)
    return {
        "failures": sum(count for reasons in failed.values() for count in reasons.values()),
        "failures_by_attribution": failed,
        "failures_left_out": channel.get("degraded", 0),
        "last_failure": {"at": moment(last_failure[0]), "reason": last_failure[1]} if last_failure else None,
        "confirmations": channel.get("confirmed", {}),
        "last_success": moment(channel.get("last_success")),
        "requests": channel.get("requested", {}),
        "suppression": _suppression(channel.get("suppression"), now),
        "trial": _suppressed(trial) if trial else None,
    }


def _in_force(suppression: Suppression | None, now: Micros) -> Suppression | None:
    """Return a suppression that is not over; one that is may stand in the row for another second."""
    if suppression is None or (suppression["until"] is not None and suppression["until"] <= now):
        return None
    return suppression


def _suppression(stored: Suppression | None, now: Micros) -> Json:
    found = _in_force(stored, now)
    return _suppressed(found) if found else {"state": SuppressionState.ALLOWED}


def _suppressed(found: Suppression) -> Json:
    return {
        "state": SuppressionState.SUPPRESSED,
        "reason": found["reason"],
        "since": moment(found["since"]),
        "until": moment(found["until"]),
        "tier": found["tier"],
        "cause": found["cause"],
        "evidence": found["evidence"],
        "requested_by": found["by"],
    }


def _message_state(stored: Message) -> str:
    if "reserve" not in stored:
        return "unreserved"
    if charge_of(stored) is not None:
        return "settled"
    if "keep" in stored:
        return "kept"
    return "released" if "release" in stored else "reserved"
