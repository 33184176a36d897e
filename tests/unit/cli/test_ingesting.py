import pytest

from app.cli.ingesting import webhooks_in


@pytest.mark.parametrize(
    ("content", "webhooks"),
    [
        (b'{"a": 1}', [b'{"a": 1}']),
        (b'{"a": 1}\n{"a": 2}\n', [b'{"a": 1}', b'{"a": 2}']),
        (b'\r\n{"a": 1}\r\n\r\n  broken\r\n{"a": 2}', [b'{"a": 1}', b"broken", b'{"a": 2}']),
        (b'{\n  "a": [\n{}\n]\n}\n', [b'{\n  "a": [\n{}\n]\n}\n']),
        (b'{\n  "a": 1,\n', [b'{\n  "a": 1,\n']),
        (b"[\n1\n]", [b"[\n1\n]"]),
        (b" \n\n", []),
    ],
    ids=["one", "lines", "lines with a broken one", "one on many lines", "one, cut off", "one list", "nothing"],
)
def test_a_file_is_one_webhook_or_one_a_line(content: bytes, webhooks: list[bytes]) -> None:
    """One that cannot be read is taken as it is: the worker makes a dead letter of it."""
    assert webhooks_in(content) == webhooks
