"""Agent ``credit``: billing's commands and providers' reports to accounts, messages and ``credit.changed``."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from app.domain.accounts import (
    Account,
    Message,
    decode_account,
    decode_message,
    encode_account,
    encode_message,
    message_key,
)
from app.domain.credits import apply_command, apply_entry
from app.domain.policy import Policy
from app.domain.reservations import next_due, tend
from app.events import CreditEntry, CreditRequested
from app.faust_batches import Batch, Record, Transaction
from app.faust_batches.partitioning import partition_of
from app.outputs import DeadLetter
from app.stream.dead_letters import kept_headers
from app.stream.envelope import decoded, read_up_to, send, send_dead_letter
from app.stream.metrics import APPLIED, FORWARDED
from app.stream.watermark import Watermark, raw_partitions
from app.topics import Table, Topic

AGENT = "credit"
TABLE = Table.CREDITS
TOPICS = (Topic.CREDIT_ENTRY, Topic.CREDIT_REQUESTED)
SEPARATOR = b"\x1f"
"""Between account and message id in the key of a message's row."""

_COMMANDS = (str(Topic.CREDIT_REQUESTED), 0)
"""Commands as a source beside the partitions of raw topics."""

_FROZEN = DeadLetter("FrozenAccountError", "account: frozen since its sums broke; redrive this record after its repair")


class _Rows:
    """The rows that one round touches: decoded once, encoded once at its end."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.accounts: dict[bytes, Account] = {}
        self.messages: dict[bytes, Message | None] = {}
        """None: forgotten; empty: nothing was ever reported of it."""

    def account(self, key: bytes, tenant: str) -> Account:
        """Return an account, a new one of this tenant if it is not known."""
        if key not in self.accounts:
            self.accounts[key] = decode_account(self._transaction.get(TABLE, key), tenant)
        return self.accounts[key]

    def message(self, key: bytes) -> Message:
        """Return a message, a new one if it is not known."""
        found = self.messages.get(key)
        if found is None:
            found = self.messages[key] = decode_message(self._transaction.get(TABLE, key))
        return found


class Crediting:
    """The credit agent's work on one partition. An account and all its messages live in one partition.

    Its reports come out of every partition of the raw topics, and each of those may be read at a speed of its own.
    ``quiet_s``: one out of which nothing came for so many seconds is taken to be read to its end, and so are commands.
    """

    def __init__(self, policy: Policy, partitions: int, quiet_s: float) -> None:
        self._policy = policy
        self._partitions = partitions
        self._read_up_to = Watermark([_COMMANDS, *raw_partitions(partitions)], quiet_s)

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Apply each record to its account and message."""
        rows = _Rows(transaction)
        changed: set[bytes] = set()
        for record, event in decoded(AGENT, batches, transaction):
            self._apply(event, record, rows, changed, transaction)
        self._store(rows, changed, transaction)
        if any(batch.reaches_end and batch.topic == Topic.CREDIT_REQUESTED for batch in batches):
            self._read_up_to.read_to_end(_COMMANDS, transaction.now)

    def moment(self, now: int) -> int | None:
        """Return up to when all that concerns reservations and messages has been read."""
        return self._read_up_to.moment(now)

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:  # noqa: ARG002 - there is one table
        """Report stale reservations and forget finished messages."""
        rows = _Rows(transaction)
        changed: set[bytes] = set()
        for key in keys:
            account_key = key.partition(SEPARATOR)[0]
            message = rows.message(key)
            changed.add(key)
            if not message:
                continue
            account = rows.account(account_key, "")
            tended = tend(account, message, key.decode(), self._policy, moment)
            send(transaction, tended.outputs)
            if tended.forget:
                rows.messages[key] = None
            if tended.forget or tended.outputs:
                changed.add(account_key)
        self._store(rows, changed, transaction)

    def _apply(
        self,
        event: dict[str, Any],
        record: Record,
        rows: _Rows,
        changed: set[bytes],
        transaction: Transaction,
    ) -> None:
        source, received_at = _origin(record, event)
        self._read_up_to.read(source, read_up_to(record, received_at), transaction.now)
        account_key = event["account"].encode()
        if partition_of(account_key, self._partitions) != record.partition:
            FORWARDED.labels(record.topic).inc()
            headers = kept_headers(record.headers)
            transaction.send(record.topic, account_key, record.value, headers, timestamp=record.timestamp)
            return
        account = rows.account(account_key, event["tenant"])
        key = message_key(event["account"], event["message_id"]).encode()
        message = rows.message(key) if event["message_id"] else {}
        if record.topic == Topic.CREDIT_ENTRY:
            booked = apply_entry(account, message, cast("CreditEntry", event), self._policy)
        else:
            command = cast("CreditRequested", event)
            booked = apply_command(account, message, command, self._policy, received_at=received_at)
        send(transaction, booked.outputs)
        if booked.duplicate:
            APPLIED.labels(AGENT, "duplicate").inc()
        if booked.frozen:
            send_dead_letter(AGENT, record, _FROZEN, transaction)
        if booked.changed:
            changed.add(account_key)
            if event["message_id"]:
                changed.add(key)

    def _store(self, rows: _Rows, changed: set[bytes], transaction: Transaction) -> None:
        for key in changed:
            if SEPARATOR not in key:
                transaction.put(TABLE, key, encode_account(rows.accounts[key]))
                continue
            message = rows.messages[key]
            if message:
                transaction.put(TABLE, key, encode_message(message), next_due(message, self._policy))
            else:
                transaction.put(TABLE, key, None)


def _origin(record: Record, event: Mapping[str, Any]) -> tuple[tuple[str, int], int]:
    """Return where a record comes from and when it was received, in microseconds; a replay finds the same."""
    if record.topic == Topic.CREDIT_ENTRY:
        return (event["raw_topic"], event["raw_partition"]), event["received_at"]
    return _COMMANDS, record.timestamp * 1000
