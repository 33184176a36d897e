import json
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from app import events
from app.avro import SCHEMAS, decode, encode, schema_text
from app.errors import BadInputError, SchemaError
from app.topics import Topic
from tests.unit.domain.samples import command

RECORDS: dict[str, Any] = {
    "delivery.failed": events.DeliveryFailed,
    "delivery.confirmed": events.DeliveryConfirmed,
    "suppression.requested": events.SuppressionRequested,
    "suppression.changed": events.SuppressionChanged,
    "credit.requested": events.CreditRequested,
    "credit.entry": events.CreditEntry,
    "credit.changed": events.CreditChanged,
    "delivery.stats": events.DeliveryStats,
    "provider.health": events.ProviderHealth,
    "delivery.alert": events.DeliveryAlert,
}
PRIMITIVES: dict[str, type] = {
    "string": str,
    "long": int,
    "int": int,
    "double": float,
    "boolean": bool,
    "enum": str,
}
EXAMPLES: dict[type, object] = {str: "x", int: 7, float: 0.5, bool: True}


def python_type(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Say which Python type a field's schema stands for; a nullable field is ``(type, None)``."""
    if isinstance(schema, list):
        assert schema[0] == "null", "null stands first, or its default would not be valid"
        return (python_type(schema[1]), NoneType)
    if isinstance(schema, dict) and schema["type"] == "array":
        return (list, python_type(schema["items"]))
    if isinstance(schema, dict) and schema["type"] == "record":
        return [(field["name"], python_type(field["type"])) for field in schema["fields"]]
    return PRIMITIVES[schema["type"] if isinstance(schema, dict) else schema]


def declared_type(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    if get_origin(annotation) is list:
        return (list, declared_type(get_args(annotation)[0]))
    if is_typeddict(annotation):
        return [(name, declared_type(hint)) for name, hint in get_type_hints(annotation).items()]
    arguments = get_args(annotation)
    return arguments or annotation


def fields_of(topic: str) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = json.loads(schema_text(topic))["fields"]
    return fields


@pytest.mark.parametrize("topic", RECORDS)
def test_typed_dictionary_and_schema_agree(topic: str) -> None:
    """Same names in the same order, same types, same fields that may be null."""
    hints = get_type_hints(RECORDS[topic])
    assert [(field["name"], python_type(field["type"])) for field in fields_of(topic)] == [
        (name, declared_type(hint)) for name, hint in hints.items()
    ]
    assert RECORDS[topic].__required_keys__ == set(hints)


@pytest.mark.parametrize("topic", RECORDS)
def test_every_field_and_record_is_explained(topic: str) -> None:
    schema = json.loads(schema_text(topic))
    assert schema["name"] == RECORDS[topic].__name__
    inner = [
        field["type"]["items"]
        for field in schema["fields"]
        if isinstance(field["type"], dict) and isinstance(field["type"].get("items"), dict)
    ]
    parts = [part for record in (schema, *inner) for part in (record, *record["fields"])]
    assert [part["name"] for part in parts if not part.get("doc")] == []


@pytest.mark.parametrize("topic", RECORDS)
def test_default_of_a_null_union_is_null(topic: str) -> None:
    defaults = [field.get("default") for field in fields_of(topic) if isinstance(field["type"], list)]
    assert defaults == [None] * len(defaults)


@pytest.mark.parametrize("topic", RECORDS)
def test_record_comes_back_as_it_was(topic: str) -> None:
    record = {field["name"]: example(field["type"]) for field in fields_of(topic)}
    assert decode(topic, encode(topic, record)) == record
    nullable = {field["name"]: None for field in fields_of(topic) if isinstance(field["type"], list)}
    assert decode(topic, encode(topic, {**record, **nullable})) == {**record, **nullable}


def test_a_value_of_megabytes_is_not_decoded() -> None:
    """A list in it may take a hundred times as much memory; a record of the product has a few kilobytes."""
    with pytest.raises(BadInputError) as refused:
        decode("provider.health", b"\x02" * 65_537)
    assert str(refused.value) == "value: 65537 bytes, expected an Avro record of provider.health in at most 65536"


def test_a_number_of_more_than_64_bits_is_an_error_of_ours() -> None:
    with pytest.raises(SchemaError, match=r"^record does not fit the schema of credit\.requested"):
        encode("credit.requested", command("c", "grant", 2**63))


def test_a_request_written_before_its_last_field_was_added_is_read_with_the_default() -> None:
    """Other systems write requests, and their copy of the schema may be older; what is cut short elsewhere is bad."""
    record = {field["name"]: example(field["type"]) for field in fields_of("suppression.requested")}
    now = encode("suppression.requested", {**record, "received_at": None})
    assert decode("suppression.requested", now[:-1]) == {**record, "received_at": None}
    for cut in (now[:-2], encode("suppression.requested", {**record, "received_at": 1_000_000})[:-1]):
        with pytest.raises(BadInputError, match="Avro record of"):
            decode("suppression.requested", cut)


@pytest.mark.parametrize(
    ("field", "value"),
    [("state", "a@b.example"), ("observed", "a@b.example"), ("tenant", 5), ("occurred_at", 2**70), ("samples", [1])],
)
def test_a_record_that_does_not_fit_is_refused_without_its_value(field: str, value: object) -> None:
    """The error's text goes to dead letters and logs."""
    record = {each["name"]: example(each["type"]) for each in fields_of("delivery.alert")}
    with pytest.raises(SchemaError, match=r"^record does not fit the schema of delivery.alert: \w+Error$"):
        encode("delivery.alert", {**record, field: value})


def example(schema: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, list):
        return example(schema[1])
    if isinstance(schema, dict) and schema["type"] == "enum":
        return schema["symbols"][-1]
    if isinstance(schema, dict) and schema["type"] == "array":
        return [example(schema["items"])]
    if isinstance(schema, dict) and schema["type"] == "record":
        return {field["name"]: example(field["type"]) for field in schema["fields"]}
    return EXAMPLES[PRIMITIVES[schema["type"] if isinstance(schema, dict) else schema]]


def test_every_schema_belongs_to_a_record_and_a_topic() -> None:
    files = {path.stem for path in Path(SCHEMAS).glob("*.avsc")}
    assert files == set(RECORDS)
    assert files <= {topic.value for topic in Topic}
