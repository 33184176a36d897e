import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.handshake import is_handshake

EVENT = (
    b'{"specversion":"1.0","type":"com.interact.messages.sms.status","source":"https://api.webexinteract.com/v1/sms",'
    b'"id":"evt_1","time":"2025-06-25T12:10:47Z","datacontenttype":"application/json","data":{"status":"failed"}}'
)


@pytest.mark.parametrize(
    "body",
    [
        b"3a7f-secret",
        b"secret=3a7f&x=1\n",
        b'"3a7f secret"',
        b'{"secret":"3a7f"}',
        b' {"type": "verify", "secret": "3a7f"} ',
        b"x" * 1024,
    ],
)
def test_a_secret_however_wrapped_is_a_handshake(body: bytes) -> None:
    assert is_handshake(body)


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
    assert not is_handshake(body)


@given(st.integers(1, len(EVENT)))
def test_an_event_that_was_cut_off_is_no_handshake(length: int) -> None:
    assert not is_handshake(EVENT[:length])


@given(st.binary())
def test_no_body_is_too_odd_to_be_judged(body: bytes) -> None:
    assert is_handshake(body) in {True, False}
