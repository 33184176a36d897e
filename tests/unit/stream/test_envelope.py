from typing import Any

import pytest

from app.faust_batches import Transaction
from app.outputs import Output
from app.stream.envelope import READ_UP_TO, read_up_to, send
from tests.agents.records import NOW, Consumed
from tests.agents.test_suppressing import GONE


def record(*values: Any) -> Consumed:  # noqa: ANN401 - a value may be null, whatever its type says
    return Consumed("delivery.failed", 0, 0, None, b"", [("ce_id", b"1"), *((READ_UP_TO, each) for each in values)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"%d" % (NOW + 7)], NOW + 7),
        ([b"%d" % (10**17 - 1)], 10**17 - 1),
        ([], NOW),
        ([b"%d" % (NOW - 7)], NOW),
        ([b""], NOW),
        ([None], NOW),
        ([b"-1"], NOW),
        ([b"1.8e15"], NOW),
        ([b" %d" % (NOW + 7)], NOW),
        ([b"%d\n" % (NOW + 7)], NOW),
        (["\u0661".encode()], NOW),
        ([b"9" * 18], NOW),
        ([b"9" * 1_000_000], NOW),
    ],
)
def test_how_far_was_read_is_told_by_the_header_or_the_receipt(values: list[Any], expected: int) -> None:
    """One to seventeen digits, and no less than the receipt, or it is not believed."""
    assert read_up_to(record(*values), NOW) == expected


@pytest.mark.parametrize(
    ("read", "expected"), [(NOW + 1, b"%d" % (NOW + 1)), (NOW, None), (NOW - 1, None), (None, None)]
)
def test_how_far_was_read_is_written_where_it_is_later_than_the_receipt(
    read: int | None, expected: bytes | None
) -> None:
    transaction = Transaction(0, {}, NOW)
    send(transaction, [Output("delivery.failed", "k", GONE)], read)
    [[sent]] = transaction.outputs.values()
    assert dict(sent.headers).get(READ_UP_TO) == expected
