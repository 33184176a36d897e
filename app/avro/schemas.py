"""The schemas in ``schemas/``, by topic."""

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

import fastavro

from app.errors import SchemaError
from app.topics import SCHEMA_OF, Topic

_PACKAGED = Path(__file__).parents[1] / "schemas"
SCHEMAS = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2] / "schemas"


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
def plain_schema(topic: str) -> dict[str, Any]:
    """Return a topic's schema as JSON, in which moments are whole numbers."""
    return cast("dict[str, Any]", _without_logical_types(json.loads(schema_text(topic))))


def _without_logical_types(schema: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, dict):
        return {name: _without_logical_types(part) for name, part in schema.items() if name != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    return schema
