"""The codec of our own against fastavro, for every schema."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.avro import COMPILED, SCHEMAS, plain_schema
from app.avro.codec import Codec
from app.avro.library_codec import LibraryCodec
from app.vocabulary import Attribution
from tests.unit.edge.hostile import anything


def example(topic: str) -> dict[str, Any]:
    return {field["name"]: one_of(field["type"]) for field in plain_schema(topic)["fields"]}


def one_of(kind: Any) -> Any:  # noqa: ANN401 - a schema
    if isinstance(kind, list):
        return None
    if isinstance(kind, dict):
        known = {"enum": kind.get("symbols", [""])[0], "array": []}
        return known.get(kind["type"], 7)
    return {"string": "x", "long": 7, "int": 7, "double": 0.5, "boolean": True}[kind]


TOPICS = sorted(path.stem for path in SCHEMAS.glob("*.avsc"))
CODECS = {topic: Codec(plain_schema(topic)) for topic in TOPICS}
LIBRARY = {topic: LibraryCodec(plain_schema(topic)) for topic in TOPICS}
MISFITS = (KeyError, IndexError, OverflowError, TypeError, ValueError)
LIBRARY_MISFITS = (*MISFITS, EOFError, MemoryError)

EXAMPLES = {topic: LIBRARY[topic].decode(LIBRARY[topic].encode(example(topic)))[0] for topic in TOPICS}

records = st.sampled_from(TOPICS).flatmap(lambda topic: st.tuples(st.just(topic), anything(topic)))


pytestmark = pytest.mark.skipif(not COMPILED and shutil.which("cc") is None, reason="no C compiler: it is not used")


def one(kind: object) -> Codec:
    return Codec({"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]})


def test_it_is_compiled_where_tests_run() -> None:
    assert COMPILED


@settings(max_examples=300)
@given(records)
def test_bytes_and_records_are_those_of_the_library(case: tuple[str, dict[str, Any]]) -> None:
    topic, record = case
    data = LIBRARY[topic].encode(record)
    assert CODECS[topic].encode(record) == data
    assert CODECS[topic].decode(data) == LIBRARY[topic].decode(data) == (record, len(data))


def cut(data: bytes, place: int, _: bytes) -> bytes:
    return data[:place]


def changed(data: bytes, place: int, other: bytes) -> bytes:
    return data[:place] + other + data[place + len(other) :]


def stretched(data: bytes, place: int, other: bytes) -> bytes:
    return data[:place] + other + data[place:]


@settings(max_examples=500)
@given(
    records,
    st.sampled_from([cut, changed, stretched]),
    st.floats(0, 1),
    st.binary(min_size=1, max_size=10) | st.sampled_from([b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x80" * 9 + b"\x02"]),
)
def test_what_it_reads_out_of_broken_bytes_the_library_reads_too(
    case: tuple[str, dict[str, Any]], breaking: Callable[[bytes, int, bytes], bytes], where: float, other: bytes
) -> None:
    topic, record = case
    data = LIBRARY[topic].encode(record)
    broken = breaking(data, int(where * len(data)), other)
    try:
        found = CODECS[topic].decode(broken)
    except MISFITS:
        return
    # repr: a broken real may be no number, which does not equal itself
    assert repr(LIBRARY[topic].decode(broken)) == repr(found)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("long", b""),
        ("long", b"\x80"),
        ("long", b"\x80" * 9 + b"\x02"),
        ("long", b"\xff" * 11),
        ("string", b"\x01"),
        ("string", b"\x04a"),
        ("string", b"\x02\xff"),
        ("string", b"\xff" * 9 + b"\x01"),
        ("string", b"\xfe" + b"\xff" * 8 + b"\x01"),
        ("boolean", b"\x02"),
        ("double", b"\x00" * 7),
        (["null", "long"], b"\x04\x00"),
        (["null", "long"], b"\x01\x00"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01"),
        ({"type": "array", "items": "string"}, b"\x02"),
        ({"type": "array", "items": "string"}, b"\x04\x00"),
        ({"type": "array", "items": "string"}, b"\xfe" + b"\xff" * 8 + b"\x01" + b"\x00"),
        ({"type": "array", "items": "string"}, b"\xff" * 9 + b"\x01" + b"\x00"),
    ],
)
def test_bytes_that_are_no_value_are_refused(kind: object, data: bytes) -> None:
    with pytest.raises(MISFITS):
        one(kind).decode(data)


@pytest.mark.parametrize("number", [0, -1, 63, 64, -64, -65, 2**31, 2**63 - 1, -(2**63)])
def test_the_ends_of_the_range_come_back(number: int) -> None:
    codec = one("long")
    assert codec.decode(codec.encode({"x": number}))[0] == {"x": number}


def test_lists_come_in_blocks_with_and_without_a_size() -> None:
    assert one({"type": "array", "items": "string"}).decode(b"\x02\x02a\x03\x08\x02b\x02c\x00!") == (
        {"x": ["a", "b", "c"]},
        10,
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("long", 2**63),
        ("long", -(2**63) - 1),
        ("long", "1"),
        ("string", 1),
        ("string", None),
        ("string", "\ud800"),
        ("boolean", "yes"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B"),
        ({"type": "array", "items": "string"}, ["a", 1]),
        ({"type": "array", "items": "string"}, "ab"),
    ],
)
def test_a_value_of_another_kind_is_not_written(kind: object, value: object) -> None:
    with pytest.raises(MISFITS):
        one(kind).encode({"x": value})


@pytest.mark.parametrize("topic", TOPICS)
def test_defaults_of_the_schema_stand_for_missing_fields(topic: str) -> None:
    schema = plain_schema(topic)
    needed = {field["name"] for field in schema["fields"] if "default" not in field}
    record = {name: value for name, value in EXAMPLES[topic].items() if name in needed}
    assert len(record) < len(schema["fields"])
    assert CODECS[topic].encode(record) == LIBRARY[topic].encode(record)


def test_a_missing_field_is_not_written() -> None:
    with pytest.raises(KeyError):
        one("long").encode({})


def test_words_of_the_vocabulary_are_texts_and_symbols() -> None:
    kind = {"type": "enum", "name": "E", "symbols": [each.value for each in Attribution]}
    for codec in (one("string"), one(kind)):
        assert codec.decode(codec.encode({"x": Attribution.RECIPIENT}))[0] == {"x": "RECIPIENT"}
