from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.avro import decode, encode
from app.domain.introductions import decode as decode_row
from app.domain.introductions import encode as encode_row
from app.domain.introductions import introduce, park_or_complete
from app.edge import check
from app.normalize import normalize
from app.outputs import DeadLetter, Normalized, Output, RawRecord
from app.raw_records import record_key
from app.vocabulary import Provider

SAMPLES = sorted((Path(__file__).parent / "providers" / "samples").glob("*.json"))
PROVIDERS = {provider.value.partition("-")[0]: provider for provider in Provider}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def raw_of(provider: str, body: bytes) -> RawRecord:
    return RawRecord(provider, body, "acme", 1_780_000_000_000_000)


def sample_of(path: Path) -> RawRecord:
    return raw_of(PROVIDERS[path.name.partition("-")[0]], path.read_bytes())


def says_one_thing(normalized: Normalized) -> bool:
    """Tell whether a webhook became records, a dead letter or an ignored event, and only one of these."""
    return [bool(normalized.outputs), normalized.dead_letter is not None, bool(normalized.ignored)].count(True) == 1


def fits_its_schemas(normalized: Normalized) -> bool:
    return all(decode(out.topic, encode(out.topic, out.value)) == out.value for out in normalized.outputs)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_documented_payloads_are_read_and_fit_their_schemas(path: Path) -> None:
    normalized = normalize(sample_of(path))
    assert normalized.dead_letter is None
    assert says_one_thing(normalized)
    assert fits_its_schemas(normalized)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_same_record_means_the_same_again(path: Path) -> None:
    assert normalize(sample_of(path)) == normalize(sample_of(path))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_message_bodies_and_variables_are_not_copied(path: Path) -> None:
    outputs = orjson.dumps([output.value for output in normalize(sample_of(path)).outputs])
    assert not [
        private for private in (b"This is your message", b"John", b"STOP", b"Some campaign") if private in outputs
    ]


OPTIONAL = {
    "teekrr-failed-whatsapp": ["data.broadcastUuid", "data.msisdn", "data.email", "data.errorCode"],
    "teekrr-bounced": ["data.broadcastUuid", "data.email", "data.bounceSubType", "data.diagnostic"],
    "teekrr-delivered": ["data.broadcastUuid", "data.msisdn", "data.deliveredAt"],
    "teekrr-billed": ["data.broadcastUuid", "data.msisdn", "data.billedAt", "data.amount", "data.currency"],
    "webex-failed": ["id", "data.phone_number", "data.code", "data.campaign_id", "correlation_id", "transaction_id"],
    "prelude-failed": ["payload.customer_uuid", "payload.correlation_id", "payload.status", "payload.reason"],
    "prelude-created": ["payload.customer_uuid", "payload.correlation_id"],
    "treble-failure": [
        "timestamp",
        "failure_reason",
        "conversation_id",
        "batch_id",
        "country_code",
        "cellphone",
        "error",
    ],
}


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in OPTIONAL.items() for path in paths])
def test_null_means_the_same_as_nothing(name: str, path: str) -> None:
    raw = sample_of(SAMPLES[0].with_stem(name))
    *outer, last = path.split(".")
    with_null, without = orjson.loads(raw.value), orjson.loads(raw.value)
    for body in (with_null, without):
        target = body[outer[0]] if outer else body
        target.pop(last, None)
    (with_null[outer[0]] if outer else with_null)[last] = None
    read = [normalize(raw._replace(value=orjson.dumps(body))) for body in (with_null, without)]
    assert read[0].dead_letter is None
    records = [[{**output.value, "raw_sha256": ""} for output in normalized.outputs] for normalized in read]
    assert records[0] == records[1]


@given(st.sampled_from(list(Provider)), st.binary(max_size=200))
def test_any_bytes_are_read_or_dead(provider: Provider, body: bytes) -> None:
    assert says_one_thing(normalize(raw_of(provider, body)))


@given(st.sampled_from(list(Provider)), JSON)
def test_any_json_is_read_or_dead(provider: Provider, body: object) -> None:
    assert says_one_thing(normalize(raw_of(provider, orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS))))


def _paths(body: dict[str, Any], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = [path for name, value in body.items() if isinstance(value, dict) for path in _paths(value, (*before, name))]
    return [*((*before, name) for name in body), *inner]


@given(st.data())
def test_a_payload_with_any_value_in_any_place_is_read_or_dead(data: st.DataObject) -> None:
    """Whatever is read of it fits its schema; a dead letter repeats no value."""
    raw = sample_of(data.draw(st.sampled_from(SAMPLES)))
    body: dict[str, Any] = orjson.loads(raw.value)
    *outer, last = data.draw(st.sampled_from(_paths(body)))
    target = body
    for name in outer:
        target = target[name]
    value = data.draw(JSON | st.text(alphabet="Ωж", min_size=3))
    target[last] = value
    normalized = normalize(raw._replace(value=orjson.dumps(body)))
    assert says_one_thing(normalized)
    assert fits_its_schemas(normalized)
    if normalized.dead_letter and isinstance(value, str) and set(value) & set("Ωж"):
        assert value not in normalized.dead_letter.text


LONG = st.sampled_from(
    [
        *("x" * 160, "x" * 256, "x" * 257, "é" * 320, "9" * 161, "9" * 320, "@" * 321, "\U0001f600" * 160, "x" * 3000),
        *("a\x1fb", "\x00", "\x85" * 64, f"{'l' * 64}@{'d' * 63}.example.com", "1" * 20),
    ]
)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@given(data=st.data())
def test_whatever_becomes_a_record_passes_the_edge(path: Path, data: st.DataObject) -> None:
    """Agents read what this makes: a webhook beyond the bounds is a dead letter here and not behind."""
    raw = sample_of(path)
    body: dict[str, Any] = orjson.loads(raw.value)
    for *outer, last in data.draw(st.lists(st.sampled_from(_paths(body)), max_size=8)):
        target: Any = body
        for name in outer:
            target = target.get(name) if isinstance(target, dict) else None
        if isinstance(target, dict):
            target[last] = data.draw(LONG | JSON)
    for output in normalize(raw._replace(value=orjson.dumps(body))).outputs:
        check(output.topic, output.value)


@pytest.mark.parametrize(
    ("name", "path", "longest"),
    [
        ("teekrr-failed-sms", "data.messageUuid", 256),
        ("teekrr-failed-sms", "data.msisdn", 320),
        ("teekrr-failed-email", "data.email", 320),
        ("webex-failed", "transaction_id", 256),
        ("webex-failed", "data.phone_number", 320),
        ("prelude-failed", "payload.message_id", 256),
        ("prelude-created", "payload.to", 320),
        ("treble-failure", "event_id", 256),
        ("treble-failure", "cellphone", 160),
    ],
)
def test_an_id_or_address_has_a_longest_length(name: str, path: str, longest: int) -> None:
    raw = sample_of(SAMPLES[0].with_stem(name))
    *outer, last = path.split(".")
    read = []
    for length in (longest, longest + 1):
        body = orjson.loads(raw.value)
        (body[outer[0]] if outer else body)[last] = "9" * length
        read.append(normalize(raw._replace(value=orjson.dumps(body))).dead_letter)
    assert read[0] is None
    assert read[1] is not None
    assert read[1].text.startswith(f"{path}: text of {longest + 1} characters, expected text of 1 to {longest} char")


@pytest.mark.parametrize("name", ["teekrr-failed-sms", "webex-failed", "prelude-failed", "treble-failure"])
@pytest.mark.parametrize("sign", ["\x00", "\x1f", "\n", "\x7f", "\x85"])
def test_a_message_id_with_a_control_character_is_refused(name: str, sign: str) -> None:
    """One of them parts the keys of rows: another message would be meant."""
    paths = {"teekrr": "data.messageUuid", "webex": "transaction_id", "prelude": "payload.message_id"}
    raw = sample_of(SAMPLES[0].with_stem(name))
    *outer, last = paths.get(name.partition("-")[0], "conversation_id").split(".")
    body = orjson.loads(raw.value)
    (body[outer[0]] if outer else body)[last] = f"m{sign}1"
    dead = normalize(raw._replace(value=orjson.dumps(body))).dead_letter
    assert dead is not None
    assert "text of 3 characters, expected text of 1 to 256 characters, no control characters" in dead.text


@pytest.mark.parametrize("provider", list(Provider))
def test_half_a_character_is_no_json(provider: Provider) -> None:
    """Half a pair of surrogates could not be written as UTF-8 anywhere behind."""
    body = b'{"event":"\\ud800","type":"\\ud800","event_type":"\\ud800","data":{"messageUuid":"\\ud800"}}'
    dead = normalize(raw_of(provider, body)).dead_letter
    assert dead is not None
    assert dead.text.startswith("body: not JSON")
    assert record_key(provider, body) is None


@pytest.mark.parametrize("created_first", [True, False])
def test_recipient_of_one_webhook_completes_the_failure_of_another(created_first: bool) -> None:  # noqa: FBT001 - a case
    created, failure = (normalize(sample_of(SAMPLES[0].with_stem(f"prelude-{name}"))) for name in ("created", "failed"))
    assert created.introduces is not None
    assert created.introduces.message_id == failure.awaits
    if created_first:
        row = decode_row(encode_row(introduce(None, created.introduces, 0).row))
        joined = park_or_complete(row, failure.outputs, 0, wait_s=1)
    else:
        row = decode_row(encode_row(park_or_complete(None, failure.outputs, 0, wait_s=1).row))
        joined = introduce(row, created.introduces, 0)
    named = {"recipient": "+3361234567", "recipient_kind": "invalid", "recipient_given": "+3361234567"}
    expected = {**failure.outputs[0].value, **named}
    assert joined.released == (Output("delivery.failed", "acme/+3361234567", expected),)
    assert fits_its_schemas(Normalized(joined.released))


def test_unknown_provider_is_a_dead_letter() -> None:
    assert normalize(raw_of("smoke", b"{}")) == Normalized(
        dead_letter=DeadLetter(
            "BadInputError", "provider: unknown, expected one of teekrr, webex-interact, prelude, treble"
        )
    )


def test_bad_tenant_is_a_dead_letter() -> None:
    assert normalize(sample_of(SAMPLES[0])._replace(tenant="a/b")) == Normalized(
        dead_letter=DeadLetter(
            "BadInputError",
            "tenant: text of 3 characters, expected 1 to 64 letters, digits, dots, underscores or hyphens,"
            " a letter or digit first",
        )
    )
