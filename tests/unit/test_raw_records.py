import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInputError
from app.raw_records import Provenance, headers, read_headers, record_key
from app.vocabulary import Provider

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["data", "payload", "type"]), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("provider", "document", "key"),
    [
        (Provider.TEEKRR, {"event": "failed", "data": {"messageUuid": "6f1c2f0e"}}, b"6f1c2f0e"),
        (
            Provider.WEBEX_INTERACT,
            {"specversion": "1.0", "data": {}, "correlation_id": "ours", "transaction_id": "tid_35T5"},
            b"tid_35T5",
        ),
        (Provider.WEBEX_INTERACT, {"data": {"code": "1003"}, "correlation_id": "tid_35T5"}, b"tid_35T5"),
        (Provider.WEBEX_INTERACT, {"time": 1750853447000, "data": {"correlationid": "ours"}}, b"ours"),
        (
            Provider.PRELUDE,
            {"type": "transactional.message.failed", "payload": {"id": "dls_1", "message_id": "tx_1"}},
            b"tx_1",
        ),
        (Provider.PRELUDE, {"type": "transactional.message.created", "payload": {"id": "tx_1"}}, b"tx_1"),
        (Provider.PRELUDE, {"type": "subscription.phone_number.unsubscribed", "payload": {"id": "sub_1"}}, None),
        (Provider.TREBLE, {"event_type": "deployment.failure", "event_id": "5f8d", "conversation_id": 12345}, b"12345"),
        (Provider.TREBLE, {"event_type": "hsm.status", "event_id": "5f8d"}, b"5f8d"),
        (Provider.TREBLE, {"conversation_id": True, "event_id": "5f8d"}, b"5f8d"),
        (Provider.TREBLE, {"conversation_id": 1.5}, None),
        (Provider.TREBLE, {"event_id": "é" * 128}, "é".encode() * 128),
        (Provider.TREBLE, {"event_id": "é" * 128 + "x"}, None),
        (Provider.TEEKRR, {"data": {"messageUuid": ""}}, None),
        (Provider.TEEKRR, {"data": ["messageUuid"]}, None),
        (Provider.TEEKRR, ["data"], None),
    ],
)
def test_the_key_is_the_providers_message_id(provider: str, document: Any, key: bytes | None) -> None:  # noqa: ANN401 - JSON
    assert record_key(provider, json.dumps(document).encode()) == key


@pytest.mark.parametrize("body", [b"", b"{", b'{"data":{"messageUuid":"\xff"}}', b"[" * 5000])
def test_a_body_that_is_not_json_has_no_key(body: bytes) -> None:
    assert record_key(Provider.TEEKRR, body) is None


@given(st.sampled_from(Provider), st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_has_a_usable_key_or_none(provider: Provider, body: bytes) -> None:
    key = record_key(provider, body)

    assert key is None or 0 < len(key) <= 256


def test_an_unknown_provider_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="carrier-pigeon"):
        record_key("carrier-pigeon", b"{}")


@pytest.mark.parametrize("account", ["", "acme/main"])
def test_headers_read_back_as_they_were_written(account: str) -> None:
    written = headers("acme", 1_778_062_500_123_456, "gateway/shop", verified=True, account=account)

    assert dict(written) == {
        "tenant": b"acme",
        "received-at": b"1778062500123456",
        "source": b"gateway/shop",
        "verified": b"true",
    } | ({"account": account.encode()} if account else {})
    assert read_headers(written) == Provenance("acme", 1_778_062_500_123_456, account)


def test_the_tenant_alone_is_enough() -> None:
    assert read_headers([("tenant", b"acme"), ("x-other", None)]) == Provenance("acme", None, "")


def test_the_last_header_of_a_name_counts() -> None:
    assert read_headers([("tenant", b"old"), ("tenant", b"new")]).tenant == "new"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], "header tenant: missing"),
        ([("tenant", None)], "header tenant: missing"),
        ([("tenant", b"")], "header tenant: 0 bytes"),
        ([("tenant", b"a b")], "header tenant: 3 bytes"),
        ([("tenant", b"a/b")], "header tenant: 3 bytes"),
        ([("tenant", b"ok\n")], "header tenant: 3 bytes"),
        ([("tenant", b"\xff")], "header tenant: 1 bytes"),
        ([("tenant", b"acme"), ("received-at", b"yesterday")], "header received-at: 9 bytes"),
        ([("tenant", b"acme"), ("received-at", b"-1")], "header received-at: 2 bytes"),
        ([("tenant", b"acme"), ("received-at", b"9" * 18)], "header received-at: 18 bytes"),
        ([("tenant", b"acme"), ("account", b"two words")], "header account: 9 bytes"),
    ],
)
def test_unusable_headers_are_named_without_their_values(pairs: list[tuple[str, bytes | None]], expected: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_headers(pairs)

    assert str(caught.value).startswith(expected)
    assert not any(value and value.decode("latin-1") in str(caught.value) for name, value in pairs if name != "tenant")
