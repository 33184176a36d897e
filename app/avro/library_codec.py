"""What :mod:`app.avro.codec` does, by fastavro: for where nothing could be compiled, and to hold the other against."""

from io import BytesIO
from typing import Any, cast

import fastavro


class LibraryCodec:
    """Encodes and decodes the records of one schema; raises as `Codec` does, and EOFError and MemoryError."""

    def __init__(self, schema: Any) -> None:  # noqa: ANN401 - a schema as JSON, without logical types
        self._schema = fastavro.parse_schema(schema)

    def encode(self, record: dict[str, Any]) -> bytes:
        """Return a record's bytes."""
        buffer = BytesIO()
        fastavro.schemaless_writer(buffer, self._schema, record)
        return buffer.getvalue()

    def decode(self, data: bytes) -> tuple[dict[str, Any], int]:
        """Return the record at the beginning of these bytes, and where it ends."""
        buffer = BytesIO(data)
        record = fastavro.schemaless_reader(buffer, self._schema, None)
        return cast("dict[str, Any]", record), buffer.tell()
