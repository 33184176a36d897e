"""Avro records to bytes and back, by the schemas in ``schemas/``.

Moments stay integers (microseconds) on this side: fastavro would build a datetime for each, at a tenth of the cost of
a whole record. The bytes are the same.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol, cast

from app.avro import codec
from app.avro.library_codec import LibraryCodec
from app.avro.schemas import SCHEMAS, fingerprint, plain_schema, schema_text
from app.errors import BadInputError, SchemaError
from app.topics import Topic

__all__ = ["COMPILED", "SCHEMAS", "decode", "encode", "fingerprint", "plain_schema", "schema_text"]

COMPILED = not str(codec.__file__).endswith(".py")
"""Whether the codec was compiled when this was installed. If not, fastavro is faster, at ten times the cost."""

_MOST_BYTES = 65_536
"""A record of the product has a tenth of it; a longer value is not looked at, for a list may blow up in memory."""

_ADDED = {Topic.SUPPRESSION_REQUESTED: 1}
"""How many fields at the end of a schema came after its first version: other systems may still write without them."""

_MISFITS = (EOFError, IndexError, KeyError, OverflowError, TypeError, ValueError, MemoryError)


class _Codec(Protocol):
    def encode(self, record: dict[str, Any]) -> bytes:
        """Return a record's bytes."""

    def decode(self, data: bytes) -> tuple[dict[str, Any], int]:
        """Return a record, and where it ends."""


def _codec(schema: dict[str, Any]) -> _Codec:
    return codec.Codec(schema) if COMPILED else LibraryCodec(schema)


@cache
def _codec_of(topic: str) -> _Codec:
    return _codec(plain_schema(topic))


@cache
def _first_codec_of(topic: str) -> tuple[_Codec, dict[str, Any]]:
    """Return the codec of a schema's first version, and what its records lack."""
    schema, count = plain_schema(topic), _ADDED[cast("Topic", topic)]
    lacking = {field["name"]: field["default"] for field in schema["fields"][-count:]}
    return _codec({**schema, "fields": schema["fields"][:-count]}), lacking


def encode(topic: str, record: Mapping[str, Any]) -> bytes:
    """Encode a record of :mod:`app.events` by its topic's schema.

    Raises SchemaError when the record does not fit, which is a bug and no bad input.
    """
    try:
        return _codec_of(topic).encode(cast("dict[str, Any]", record))
    except _MISFITS as error:
        # the codec's own words quote values
        raise SchemaError(f"record does not fit the schema of {topic}: {type(error).__name__}") from error


def decode(topic: str, value: bytes | None) -> dict[str, Any]:
    """Decode a value of a topic.

    Raises BadInputError when the bytes are not a record of that schema.
    """
    if not value:
        raise BadInputError(f"value: empty, expected an Avro record of {topic}")
    if len(value) > _MOST_BYTES:
        raise BadInputError(f"value: {len(value)} bytes, expected an Avro record of {topic} in at most {_MOST_BYTES}")
    try:
        return _read(topic, value, _codec_of(topic))
    except BadInputError:
        if topic not in _ADDED:
            raise
    first, lacking = _first_codec_of(topic)
    return {**_read(topic, value, first), **lacking}


def _read(topic: str, value: bytes, by: _Codec) -> dict[str, Any]:
    try:
        record, end = by.decode(value)
    except _MISFITS as error:
        raise BadInputError(f"value: {len(value)} bytes that are no Avro record of {topic}") from error
    if end != len(value):
        raise BadInputError(f"value: {len(value) - end} bytes after the end of the Avro record of {topic}")
    return record
