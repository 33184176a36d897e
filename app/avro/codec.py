"""Avro records to bytes and back, by a table of fields; compiled by mypyc where a C compiler is at hand.

It knows what schemas of the product use: records of texts, whole numbers, reals, booleans, enums, lists, and numbers
that may be null. Numbers are checked as they are read: what it returns was in the bytes.
"""

from typing import Any, Final

from librt.strings import BytesWriter, read_f64_le, write_f64_le
from mypy_extensions import i64, u8

_TEXT: Final = 0
_LONG: Final = 1
_ENUM: Final = 2
_OPTIONAL_LONG: Final = 3
_BOOLEAN: Final = 4
_DOUBLE: Final = 5
_LIST: Final = 6

_KINDS: Final = {"string": 0, "int": 1, "long": 1, "enum": 2, "boolean": 4, "double": 5, "array": 6}
_MISSING: Final = object()
"""The default of a field that has none."""
_LONGEST: Final = 63
"""Bits of a number before its tenth byte."""


class _Field:
    """A field, or with no name the items of a list."""

    def __init__(self, name: str, kind: i64, symbols: list[str], items: "list[_Field]", default: Any) -> None:  # noqa: ANN401 - a field's value
        self.name = name
        self.default = default
        self.kind = kind
        self.symbols = symbols
        self.numbers = {symbol: number for number, symbol in enumerate(symbols)}
        self.items = items


def _field(name: str, kind: Any, default: Any) -> _Field:  # noqa: ANN401 - JSON
    if isinstance(kind, list):
        return _Field(name, _OPTIONAL_LONG, [], [], default)
    if isinstance(kind, str):
        return _Field(name, _KINDS[kind], [], [], default)
    items = kind.get("items")
    return _Field(name, _KINDS[kind["type"]], kind.get("symbols", []), _fields(items) if items else [], default)


def _fields(schema: Any) -> list[_Field]:  # noqa: ANN401 - a schema as JSON
    if isinstance(schema, str):
        return [_field("", schema, _MISSING)]
    return [_field(each["name"], each["type"], each.get("default", _MISSING)) for each in schema["fields"]]


class Codec:
    """Encodes and decodes the records of one schema.

    Both raise KeyError, IndexError, OverflowError, TypeError or ValueError where a value does not fit.
    """

    def __init__(self, schema: Any) -> None:  # noqa: ANN401 - a schema as JSON, without logical types
        self._fields = _fields(schema)

    def encode(self, record: dict[str, Any]) -> bytes:
        """Return a record's bytes."""
        out = BytesWriter()
        _write_record(out, self._fields, record)
        return out.getvalue()

    def decode(self, data: bytes) -> tuple[dict[str, Any], int]:
        """Return the record at the beginning of these bytes, and where it ends."""
        reader = _Reader(data)
        found = reader.record(self._fields)
        return found, reader.place


def _write_record(out: BytesWriter, fields: list[_Field], record: dict[str, Any]) -> None:
    for field in fields:
        value = record.get(field.name, field.default)
        if value is _MISSING:
            raise KeyError(field.name)
        _write(out, field, value)


def _write(out: BytesWriter, field: _Field, value: Any) -> None:  # noqa: ANN401 - a field's value
    kind: i64 = field.kind
    if kind == _TEXT:
        text: str = value
        _write_text(out, text)
    elif kind == _LONG:
        number: i64 = value
        _write_long(out, number)
    elif kind == _ENUM:
        _write_long(out, field.numbers[value])
    elif kind == _OPTIONAL_LONG:
        if value is None:
            out.append(0)
        else:
            out.append(2)
            some: i64 = value
            _write_long(out, some)
    elif kind == _BOOLEAN:
        truth: bool = value
        out.append(1 if truth else 0)
    elif kind == _DOUBLE:
        real: float = value
        write_f64_le(out, real)
    else:
        items: list[Any] = value
        _write_list(out, field.items, items)


def _write_long(out: BytesWriter, number: i64) -> None:
    rest: i64 = (number << 1) ^ (number >> 63)
    while rest < 0 or rest > 127:  # noqa: PLR2004 - seven bits
        out.append(u8((rest & 127) | 128))
        rest = (rest >> 7) & 0x01FF_FFFF_FFFF_FFFF
    out.append(u8(rest))


def _write_text(out: BytesWriter, text: str) -> None:
    data = text.encode("utf-8")
    _write_long(out, len(data))
    out.write(data)


def _write_list(out: BytesWriter, fields: list[_Field], items: list[Any]) -> None:
    if items:
        _write_long(out, len(items))
        for each in items:
            if fields[0].name:
                _write_record(out, fields, each)
            else:
                _write(out, fields[0], each)
    out.append(0)


class _Reader:
    """Reads on from a place; an IndexError is the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place: i64 = 0

    def record(self, fields: list[_Field]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in fields:
            found[field.name] = self.value(field)
        return found

    def value(self, field: _Field) -> Any:  # noqa: ANN401, PLR0911 - a field's value, of one of seven kinds
        kind: i64 = field.kind
        if kind == _TEXT:
            return self.text()
        if kind == _LONG:
            return self.long()
        if kind == _ENUM:
            return field.symbols[self.below(len(field.symbols))]
        if kind == _OPTIONAL_LONG:
            return None if self.below(2) == 0 else self.long()
        if kind == _BOOLEAN:
            return self.boolean()
        if kind == _DOUBLE:
            self.place += 8
            return read_f64_le(self.data, self.place - 8)
        return self.items(field.items)

    def long(self) -> i64:
        data = self.data
        place: i64 = self.place
        rest: i64 = 0
        shift: i64 = 0
        while True:
            byte: i64 = data[place]
            if shift == _LONGEST and byte > 1:
                raise ValueError("a number beyond 64 bits")
            place += 1
            rest |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the last seven bits
                self.place = place
                return ((rest >> 1) & 0x7FFF_FFFF_FFFF_FFFF) ^ -(rest & 1)
            shift += 7

    def below(self, end: i64) -> i64:
        number = self.long()
        if not 0 <= number < end:
            raise ValueError("a number out of range")
        return number

    def boolean(self) -> bool:
        byte: i64 = self.data[self.place]
        if byte > 1:
            raise ValueError("a truth value out of range")
        self.place += 1
        return byte == 1

    def text(self) -> str:
        size = self.long()
        start: i64 = self.place
        if not 0 <= size <= len(self.data) - start:
            raise ValueError("a text beyond the end")
        self.place = start + size
        return self.data[start : start + size].decode("utf-8")

    def items(self, fields: list[_Field]) -> list[Any]:
        """Blocks of items until an empty one; each item takes a byte or more, so that the bytes bound the list."""
        found: list[Any] = []
        while (count := self.long()) != 0:
            if count < 0:
                self.long()  # bytes of the block, for those who skip it
                count = -count
            if count < 0 or count > len(self.data) - self.place:
                raise ValueError("a list beyond the end")
            while count > 0:
                count -= 1
                found.append(self.record(fields) if fields[0].name else self.value(fields[0]))
        return found
