"""The load and what its maker expects of it."""

from collections import Counter

import orjson
import pytest

from app.demo.figures import Balance
from app.demo.load import Load, build_load
from app.demo.run import SEED
from app.normalize import normalize
from app.outputs import RawRecord
from app.topics import Topic
from app.vocabulary import Provider

NOW = 1_780_000_000_000_000
LATER = NOW + 1_000_000


@pytest.fixture(scope="module")
def load() -> Load:
    return build_load(SEED, 1, NOW)


def test_the_same_seed_and_moment_make_the_same_load(load: Load) -> None:
    assert build_load(SEED, 1, NOW) == load


def test_another_moment_changes_dates_and_no_figure(load: Load) -> None:
    later = build_load(SEED, 1, LATER)

    assert later.expected == load.expected
    assert later.webhooks != load.webhooks


def test_another_seed_makes_another_load(load: Load) -> None:
    assert build_load(SEED + 1, 1, NOW).webhooks != load.webhooks


def test_scale_repeats_the_stories() -> None:
    once, thrice = build_load(1, 1, NOW).expected, build_load(1, 3, NOW).expected

    assert thrice.failed[Provider.PRELUDE, "network_error"] == 3 * once.failed[Provider.PRELUDE, "network_error"]
    assert thrice.alerts == once.alerts


def test_what_the_sender_counted(load: Load) -> None:
    """These are the figures of the demo; a change of them is a change of the load."""
    expected = load.expected
    failures: Counter[str] = Counter()
    for (provider, _), times in expected.failed.items():
        failures[provider] += times
    assert failures == {"teekrr": 126, "prelude": 41, "treble": 37, "webex-interact": 33}
    assert (expected.raw, expected.confirmed.total(), expected.unaddressed) == (648, 329, 5)
    assert (expected.dead_letters, len(expected.recipients), len(expected.suppressions)) == (10, 316, 63)
    assert {account: balance.granted_micros for account, balance in expected.credit.items()} == {
        "acme/teekrr": 200_000_000,
        "bistro-prepaid": 10_500_000,
    }
    assert expected.credit["bistro-prepaid"] == Balance("MYR", 10_500_000, 500_000, 0, 10_000_000)
    assert Counter(alert.kind for alert in expected.alerts) == {
        "sender_fault": 7,
        "unlisted_code": 2,
        "provider_failure_rate": 1,
        "low_credit": 1,
    }


def test_credit_adds_up(load: Load) -> None:
    for balance in load.expected.credit.values():
        assert balance.granted_micros == balance.available_micros + balance.reserved_micros + balance.spent_micros
        assert min(balance.available_micros, balance.reserved_micros, balance.spent_micros) >= 0


def test_a_tenth_comes_twice(load: Load) -> None:
    repeats = len(load.webhooks) - len(set(load.webhooks))

    assert repeats == round(len(set(load.webhooks)) / 10)


def test_recipients_are_often_named_after_the_failure(load: Load) -> None:
    """Prelude names them in `created` alone."""
    created, failed = (places(load, f"transactional.message.{name}") for name in ("created", "failed"))

    late = [message for message in failed if message in created and failed[message] < created[message]]
    assert len(late) > 5
    assert len(failed.keys() - created.keys()) == 3


def places(load: Load, event: str) -> dict[str, int]:
    """Return where the first event of this name of each message stands."""
    found: dict[str, int] = {}
    for place, webhook in enumerate(load.webhooks):
        if webhook.provider is Provider.PRELUDE and not webhook.malformed:
            body = orjson.loads(webhook.body)
            if body["type"] == event:
                payload = body["payload"]
                found.setdefault(payload.get("message_id") or payload["id"], place)
    return found


def test_the_pure_core_reads_the_load_as_its_maker_meant_it(load: Load) -> None:
    """The demo finds the same with everything in between; this tells at once where a difference comes from."""
    failed: dict[str, tuple[str, str]] = {}
    confirmed: dict[str, tuple[str, str]] = {}
    dead = 0
    for webhook in load.webhooks:
        normalized = normalize(RawRecord(webhook.provider, webhook.body, webhook.tenant, NOW))
        dead += normalized.dead_letter is not None
        for topic, _, value in normalized.outputs:
            if topic == Topic.DELIVERY_FAILED:
                failed[value["event_id"]] = value["provider"], value["reason"]
            elif topic == Topic.DELIVERY_CONFIRMED:
                confirmed[value["event_id"]] = value["provider"], value["kind"]

    assert Counter(failed.values()) == load.expected.failed
    assert Counter(confirmed.values()) == load.expected.confirmed
    assert dead == load.expected.dead_letters
