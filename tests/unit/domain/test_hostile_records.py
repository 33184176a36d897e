"""Whatever passes the edge, no reducer raises, and what it hands back can be stored and sent."""

from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import avro
from app.domain import alerts, credit_alerts, recipients, reservations, unaddressed
from app.domain.accounts import decode_account, decode_message, encode_account, encode_message, message_key
from app.domain.credits import apply_command, apply_entry
from app.domain.outages import Outage, Outages
from app.domain.rates import decode_rates, encode_rates
from app.domain.rows import decode_row, encode_row
from app.domain.stats import count_batch, rate_key
from app.edge import check
from app.errors import BadInputError
from app.events import (
    CreditChanged,
    CreditEntry,
    CreditRequested,
    DeliveryConfirmed,
    DeliveryFailed,
    DeliveryStats,
    SuppressionRequested,
)
from app.outputs import Output
from app.topics import Topic
from tests.unit.domain.samples import DAY, NOW, POLICY
from tests.unit.edge.hostile import changed

LATER = NOW + 400 * DAY
"""By then everything is due that ever will be."""
hostile = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def several(*topics: Topic) -> st.SearchStrategy[list[tuple[Topic, dict[str, Any]]]]:
    each = st.one_of([st.tuples(st.just(topic), changed(topic)) for topic in topics])
    return st.lists(each, min_size=1, max_size=8)


def passing(events: list[tuple[Topic, dict[str, Any]]]) -> list[tuple[Topic, dict[str, Any]]]:
    """Return what passes the edge, each event with an id of its own."""
    found = []
    for number, (topic, event) in enumerate(events):
        if "event_id" in event:
            event["event_id"] = f"{number}{event['event_id']}"[:256]
        try:
            check(topic, event)
        except BadInputError:
            continue
        found.append((topic, event))
    return found


def can_be_sent(outputs: list[Output] | tuple[Output, ...]) -> None:
    for output in outputs:
        assert output.key.encode()
        assert len(avro.encode(output.topic, output.value)) < 65_536
        if output.topic in {Topic.CREDIT_CHANGED, Topic.DELIVERY_STATS, Topic.PROVIDER_HEALTH}:
            # agents read what agents write
            check(output.topic, output.value)


@hostile
@given(several(Topic.DELIVERY_FAILED, Topic.DELIVERY_CONFIRMED, Topic.SUPPRESSION_REQUESTED))
def test_recipients(events: list[tuple[Topic, dict[str, Any]]]) -> None:
    stored = None
    for topic, event in passing(events):
        row = decode_row(stored)
        if topic == Topic.DELIVERY_FAILED:
            failure = cast("DeliveryFailed", event)
            outages = Outages((Outage(0, None),)) if failure["occurred_at"] % 2 else Outages()
            applied = recipients.apply_failed(row, failure, POLICY, NOW, outages=outages)
            can_be_sent(count_batch([failure], [], POLICY))
            assert unaddressed.forget_at(unaddressed.new_row(failure, POLICY.clock), POLICY.memory)
        elif topic == Topic.DELIVERY_CONFIRMED:
            confirmation = cast("DeliveryConfirmed", event)
            applied = recipients.apply_confirmed(row, confirmation, POLICY, NOW)
            can_be_sent(count_batch([], [confirmation], POLICY))
        else:
            request = cast("SuppressionRequested", event)
            applied = recipients.apply_request(row, request, POLICY, NOW, received_at=event["received_at"] or NOW)
        can_be_sent(applied.outputs)
        stored = encode_row(row)
    if stored is not None:
        row = decode_row(stored)
        can_be_sent(recipients.expire(row, "acme/x", POLICY, recipients.next_due(row, POLICY) or LATER).outputs)
        assert len(encode_row(row)) < 65_536


@hostile
@given(several(Topic.CREDIT_REQUESTED, Topic.CREDIT_ENTRY))
def test_credit(events: list[tuple[Topic, dict[str, Any]]]) -> None:
    stored, messages = None, dict[str, bytes]()
    for topic, event in passing(events):
        account, name = decode_account(stored, event["tenant"]), event["message_id"]
        message = decode_message(messages.get(name))
        if topic == Topic.CREDIT_REQUESTED:
            command = cast("CreditRequested", event)
            booked = apply_command(account, message, command, POLICY, received_at=NOW)
        else:
            booked = apply_entry(account, message, cast("CreditEntry", event), POLICY)
        can_be_sent(booked.outputs)
        assert account.is_sound
        stored = encode_account(account)
        if message:
            messages[name] = encode_message(message)
    for name, row in messages.items():
        account, message = decode_account(stored, "acme"), decode_message(row)
        key = message_key("acme/teekrr", name)
        can_be_sent(reservations.tend(account, message, key, POLICY, 2 * 10**17).outputs)
        assert len(encode_message(message)) < 4096
        assert encode_account(account)


@hostile
@given(several(Topic.DELIVERY_STATS))
def test_alerts(events: list[tuple[Topic, dict[str, Any]]]) -> None:
    rows = dict[str, bytes]()
    for _, event in passing(events):
        stats = cast("DeliveryStats", event)
        key = rate_key(stats)
        rates = decode_rates(rows.get(key))
        can_be_sent(alerts.apply_stats(rates, stats, POLICY, NOW))
        rows[key] = encode_rates(rates)
    for key, row in rows.items():
        rates = decode_rates(row)
        can_be_sent(alerts.tick(rates, key, POLICY, alerts.next_due(rates, POLICY) or LATER))
        assert encode_rates(rates)


@hostile
@given(several(Topic.PROVIDER_HEALTH, Topic.DELIVERY_STATS))
def test_a_history_of_somebody_else(events: list[tuple[Topic, dict[str, Any]]]) -> None:
    rates = decode_rates(None)
    for topic, event in passing(events):
        if topic == Topic.PROVIDER_HEALTH:
            known = Outages(tuple(Outage(each["since"], each["until"]) for each in event["periods"]))
            alerts.adopt(rates, known, NOW)
        else:
            can_be_sent(alerts.apply_stats(rates, cast("DeliveryStats", event), POLICY, NOW))
        can_be_sent(alerts.tick(rates, "acme/teekrr/email", POLICY, LATER))
        rates = decode_rates(encode_rates(rates))


@hostile
@given(several(Topic.CREDIT_CHANGED))
def test_credit_alerts(events: list[tuple[Topic, dict[str, Any]]]) -> None:
    watch = credit_alerts.decode_watch(None)
    for _, event in passing(events):
        can_be_sent(credit_alerts.apply_credit(watch, cast("CreditChanged", event), POLICY, NOW))
        watch = credit_alerts.decode_watch(credit_alerts.encode_watch(watch))
    can_be_sent(credit_alerts.tick(watch, "acme/teekrr", LATER))
    assert len(credit_alerts.encode_watch(watch)) < 200
