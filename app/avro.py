"""Avro records to bytes and back, by the schemas in ``schemas/``.

Moments stay integers (microseconds) on this side: fastavro would build a datetime for each, at a tenth of the cost of
a whole record. The bytes are the same.
"""

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import fastavro

from app.errors import BadInputError, SchemaError
from app.topics import SCHEMA_OF, Topic

_PACKAGED = Path(__file__).parent / "schemas"
SCHEMAS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "schemas"

_MOST_BYTES = 65_536
"""A record of the product has a tenth of it; a longer value is not looked at, for a list may blow up in memory."""

_ADDED = {Topic.SUPPRESSION_REQUESTED: 1}
"""How many fields at the end of a schema came after its first version: other systems may still write without them."""


@cache
def schema_text(topic: str) -> str:
    """Return the schema of a topic's values as JSON text.

    Raises SchemaError when the topic has none.
    """
    topic = SCHEMA_OF.get(cast("Topic", topic), topic)
    try:
        return (SCHEMAS / f"{topic}.avsc").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SchemaError(f"no schema for topic {topic}: expected schemas/{topic}.avsc") from None


@cache
def fingerprint(topic: str) -> str:
    """Return the CRC-64-AVRO fingerprint of a topic's schema in canonical form, lower-case hex.

    It travels in the header ``avro-fingerprint`` of every record.
    """
    canonical = fastavro.schema.to_parsing_canonical_form(json.loads(schema_text(topic)))
    return fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")


@cache
def _codec_schema(topic: str) -> Any:  # noqa: ANN401 - fastavro publishes no type for parsed schemas
    return fastavro.parse_schema(_without_logical_types(json.loads(schema_text(topic))))


@cache
def _first_codec_schema(topic: str) -> Any:  # noqa: ANN401 - fastavro publishes no type for parsed schemas
    schema = _without_logical_types(json.loads(schema_text(topic)))
    return fastavro.parse_schema({**schema, "fields": schema["fields"][: -_ADDED[cast("Topic", topic)]]})


def _without_logical_types(schema: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, dict):
        return {name: _without_logical_types(part) for name, part in schema.items() if name != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    return schema


def encode(topic: str, record: object) -> bytes:
    """Encode a record of :mod:`app.events` by its topic's schema.

    Raises SchemaError when the record does not fit, which is a bug and no bad input.
    """
    buffer = BytesIO()
    try:
        fastavro.schemaless_writer(buffer, _codec_schema(topic), record)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        # the codec's own words quote values
        raise SchemaError(f"record does not fit the schema of {topic}: {type(error).__name__}") from error
    return buffer.getvalue()


def decode(topic: str, value: bytes | None) -> dict[str, Any]:
    """Decode a value of a topic.

    Raises BadInputError when the bytes are not a record of that schema.
    """
    if not value:
        raise BadInputError(f"value: empty, expected an Avro record of {topic}")
    if len(value) > _MOST_BYTES:
        raise BadInputError(f"value: {len(value)} bytes, expected an Avro record of {topic} in at most {_MOST_BYTES}")
    try:
        return _read(topic, value, _codec_schema(topic), None)
    except BadInputError:
        if topic not in _ADDED:
            raise
    return _read(topic, value, _first_codec_schema(topic), _codec_schema(topic))


def _read(topic: str, value: bytes, written: Any, wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed schemas
    buffer = BytesIO(value)
    try:
        record = fastavro.schemaless_reader(buffer, written, wanted)
    except (EOFError, IndexError, KeyError, OverflowError, TypeError, ValueError, MemoryError) as error:
        raise BadInputError(f"value: {len(value)} bytes that are no Avro record of {topic}") from error
    if buffer.tell() != len(value):
        raise BadInputError(f"value: {len(value) - buffer.tell()} bytes after the end of the Avro record of {topic}")
    return cast("dict[str, Any]", record)
