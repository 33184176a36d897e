"""Webhooks, rows and transactions as bytes."""

from struct import pack

import orjson

from app.raw_records import record_key
from benchmarks.product.commits import is_commit
from benchmarks.product.load import webhook
from benchmarks.product.rows import StoredRow


def test_a_webhook_lies_in_the_topic_as_the_gateway_stores_it() -> None:
    made = webhook(7, 42)
    assert made.recipient == "+60120000042"
    assert made.key == record_key("teekrr", made.body) == b"00000000-0000-0000-0000-000000000007"
    data = orjson.loads(made.body)["data"]
    assert (data["msisdn"], data["errorCode"]) == ("60120000042", "131026")


def test_a_row_is_copied_wherever_it_names_its_recipient() -> None:
    row = StoredRow("t-recipients-changelog", b"+60120000042", b"acme/+60120000042", b'{"of":"+60120000042"}', [])
    assert row.of(b"+60130000001") == StoredRow(
        "t-recipients-changelog", b"+60130000001", b"acme/+60130000001", b'{"of":"+60130000001"}', []
    )


def state(version: int, status: int) -> bytes:
    """A record of `__transaction_state` up to its status: version, producer id, epoch, time-out, status."""
    return pack(">hqhib", version, 4000, 3, 60_000, status)


def test_a_transaction_counts_when_it_has_taken_effect() -> None:
    ongoing, prepare_commit, prepare_abort, complete_commit, complete_abort = 1, 2, 3, 4, 5
    assert is_commit(state(0, complete_commit))
    assert is_commit(state(1, complete_commit) + b"\x00\x00")
    assert not any(is_commit(state(1, each)) for each in (ongoing, prepare_commit, prepare_abort, complete_abort))
    assert not is_commit(None)
