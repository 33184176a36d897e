import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.handshake import Handshake, handshake

EVENT = (
    b'{"specversion":"1.0","type":"com.interact.messages.sms.status","source":"https://api.webexinteract.com/v1/sms",'
    b'"id":"evt_1","time":"2025-06-25T12:10:47Z","datacontenttype":"application/json","data":{"status":"failed"}}'
)


@pytest.mark.parametrize(
    "body",
    [
        b"3a7f-secret",
        b"3a7f+/==\n",
        b'"3a7f"',
        b'{"secret":"3a7f"}',
    ],
)
def test_a_word_alone_is_certainly_a_handshake(body: bytes) -> None:
    assert handshake(body) is Handshake.CERTAIN


@pytest.mark.parametrize(
    "body",
    [
        b"secret=3a7f&x=1\n",
        b"<sms><id>7</id></sms>",
        b'"3a7f secret"',
        b'{"status":"failed","phone_number":"+447810000001"}',
        b' {"type": "verify", "secret": "3a7f"} ',
        b'{"secret":"two words"}',
        b"x" * 1024,
    ],
)
def test_what_may_be_an_event_is_only_possibly_one(body: bytes) -> None:
    assert handshake(body) is Handshake.POSSIBLE


@pytest.mark.parametrize(
    "body",
    [
        EVENT,
        b'{"specversion":"1.0","type":"com.interact.messages.sms.status"}',
        b"",
        b" \n",
        b'""',
        b"{}",
        b"[]",
        b'["3a7f"]',
        b"two words",
        b"3a7f\xff",
        b'{"secret":7}',
        b"x" * 1025,
        b'{"secret":"' + b"x" * 1024 + b'"}',
    ],
)
def test_anything_else_is_to_be_stored(body: bytes) -> None:
    assert handshake(body) is Handshake.NONE


@given(st.integers(1, len(EVENT)))
def test_an_event_that_was_cut_off_is_none(length: int) -> None:
    assert handshake(EVENT[:length]) is Handshake.NONE


@given(st.binary())
def test_no_body_is_too_odd_to_be_judged(body: bytes) -> None:
    assert handshake(body) in Handshake
