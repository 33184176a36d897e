from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInputError
from app.providers import prelude, teekrr, treble, webex_interact
from app.providers.fields import Payload, kind, moment, parse


@pytest.mark.parametrize(
    ("spelling", "micros"),
    [
        ("2024-04-03T17:08:01Z", 1_712_164_081_000_000),
        ("2024-04-03t17:08:01z", 1_712_164_081_000_000),
        ("2024-04-03T17:08:01.1Z", 1_712_164_081_100_000),
        ("2024-04-03T17:08:01.123Z", 1_712_164_081_123_000),
        ("2024-04-03T17:08:01.36881397Z", 1_712_164_081_368_813),
        ("2024-04-03T17:08:01.349000489Z", 1_712_164_081_349_000),
        ("2016-04-27T16:28:50.3963933-04:00", 1_461_788_930_396_393),
        ("2019-11-09T16:00:00.000+0100", 1_573_311_600_000_000),
        ("2017-08-05T00:41:02.669 +0000", 1_501_893_662_669_000),
        ("2017-08-05T00:41:02 -04:00", 1_501_908_062_000_000),
        ("2021-10-07 08:53:22.572123", 1_633_596_802_572_123),
        ("1970-01-01T00:00:00Z", 0),
        ("2199-12-31T23:59:59.999999Z", 7_258_118_399_999_999),
        (1_750_853_447_000, 1_750_853_447_000_000),
        (1_750_853_447_001, 1_750_853_447_001_000),
        (1_750_853_447, 1_750_853_447_000_000),
        ("1689380458", 1_689_380_458_000_000),
        ("1750853447001", 1_750_853_447_001_000),
        (1_534_110_422.389832, 1_534_110_422_389_832),
        (0, 0),
    ],
)
def test_moment_is_exact_to_the_microsecond(spelling: object, micros: int) -> None:
    assert moment(spelling) == micros


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "yesterday",
        "2024-04-03",
        "20240403",
        "2024-13-03T17:08:01Z",
        "2024-04-03T25:08:01Z",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "\u0662\u0660\u0662\u0664-04-03T17:08:01Z",
        "12345",
        -1,
        10_000_000_000,
        10**30,
        1e308,
        float("inf"),
        float("nan"),
        True,
        None,
        [],
        {},
    ],
)
def test_what_is_no_time_between_1970_and_2200_is_refused(spelling: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(spelling)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30), timezones=st.timezones()))  # noqa: DTZ001 - bounds of a strategy
def test_moment_is_the_same_in_every_zone(when: datetime) -> None:
    since = when.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    assert moment(when.astimezone(UTC).isoformat()) == micros
    if when.utcoffset() == when.astimezone(UTC).astimezone(when.tzinfo).utcoffset():
        assert moment(when.isoformat()) == micros


@given(st.text(max_size=40) | st.from_regex(r"\A[0-9T:.+Z -]{1,32}\Z"))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        micros = moment(text)
    except ValueError:
        return
    assert 0 <= micros < 7_258_118_400_000_000


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "body: empty, expected a JSON object"),
        (b"[]", "body: a list, expected a JSON object"),
        (b'"secret"', "body: text of 6 characters, expected a JSON object"),
        (b"null", "body: null, expected a JSON object"),
        (b"1", "body: a number, expected a JSON object"),
        (b"true", "body: a boolean, expected a JSON object"),
        (b'{"a":1', "body: not JSON, unexpected end of data at byte 6, expected a JSON object"),
        (
            b'{"\xc3\xa9":x}',
            "body: not JSON, unexpected character, expected a JSON value at byte 6, expected a JSON object",
        ),
        (b'{"a":"\xff"}', "body: not JSON, no UTF-8 at byte 6, expected a JSON object"),
        (b'{"a":NaN}', "body: not JSON, unexpected character, expected a JSON value at byte 5, expected a JSON object"),
        (b'{"a":"\\ud800"}', "body: not JSON, no low surrogate in string at byte 6, expected a JSON object"),
        (b"[" * 5000, "body: not JSON, depth limit exceeded at byte 1025, expected a JSON object"),
    ],
)
def test_body_that_is_no_object_is_refused_with_the_place(body: bytes, text: str) -> None:
    with pytest.raises(BadInputError) as refused:
        parse(body)
    assert str(refused.value) == text


def test_body_is_read_with_the_last_of_repeated_names() -> None:
    assert parse(b' {"a":1,"a":2} ') == {"a": 2}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        ("secret", "text of 6 characters"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_kind_tells_nothing_of_the_value(value: object, word: str) -> None:
    assert kind(value) == word


def _payloads() -> list[type[Payload]]:
    modules: list[Any] = [teekrr, webex_interact, prelude, treble]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Payload) and value is not Payload
    ]


@pytest.mark.parametrize("payload", _payloads(), ids=lambda payload: f"{payload.__module__}.{payload.__name__}")
def test_every_field_says_what_is_expected_of_it(payload: type[Payload]) -> None:
    """Complaints about a field end in its description."""
    undescribed = [
        name
        for name, field in payload.model_fields.items()
        if not field.description and not (isinstance(field.annotation, type) and issubclass(field.annotation, Payload))
    ]
    assert undescribed == []
