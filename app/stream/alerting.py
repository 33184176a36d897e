"""Agent ``alert``: counts and account states to ``delivery.alert`` and ``provider.health``."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from app.domain import alerts, credit_alerts
from app.domain.policy import Policy
from app.domain.rates import Rates, decode_rates, encode_rates
from app.domain.stats import rate_key
from app.events import CreditChanged, DeliveryStats
from app.faust_batches import Batch, Transaction
from app.stream.envelope import decoded, send
from app.stream.health import ProviderHealthReader
from app.topics import Table, Topic

AGENT = "alert"
TABLES = (Table.RATES, Table.WATCHES)
TOPICS = (Topic.DELIVERY_STATS, Topic.CREDIT_CHANGED)


class Alerting:
    """The alert agent's work on one partition."""

    def __init__(self, policy: Policy, health: ProviderHealthReader) -> None:
        self._policy = policy
        self._health = health

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Apply each record to its row."""
        rates: dict[bytes, Rates] = {}
        watches: dict[bytes, credit_alerts.Watch] = {}
        for record, event in decoded(AGENT, batches, transaction):
            if record.topic == Topic.DELIVERY_STATS:
                self._apply_stats(event, rates, transaction)
            else:
                self._apply_credit(event, watches, transaction)
        self._store(rates, watches, transaction)

    def moment(self, now: int) -> int | None:
        """Return up to when what is due may be done."""
        return now

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:
        """Clear the alerts of what has been quiet for long enough."""
        rates: dict[bytes, Rates] = {}
        watches: dict[bytes, credit_alerts.Watch] = {}
        for key in keys:
            if table == Table.RATES:
                rates[key] = self._rates(key, transaction)
                send(transaction, alerts.tick(rates[key], key.decode(), self._policy, moment))
            else:
                watches[key] = credit_alerts.decode_watch(transaction.get(Table.WATCHES, key))
                send(transaction, credit_alerts.tick(watches[key], key.decode(), moment))
        self._store(rates, watches, transaction)

    def _rates(self, key: bytes, transaction: Transaction) -> Rates:
        rates = decode_rates(transaction.get(Table.RATES, key))
        alerts.adopt(rates, self._health.outages(*key.decode().split("/")), transaction.now)
        return rates

    def _apply_stats(self, event: dict[str, Any], rates: dict[bytes, Rates], transaction: Transaction) -> None:
        stats = cast("DeliveryStats", event)
        key = rate_key(stats).encode()
        if key not in rates:
            rates[key] = self._rates(key, transaction)
        send(transaction, alerts.apply_stats(rates[key], stats, self._policy, transaction.now))

    def _apply_credit(
        self, event: dict[str, Any], watches: dict[bytes, credit_alerts.Watch], transaction: Transaction
    ) -> None:
        change = cast("CreditChanged", event)
        key = change["account"].encode()
        if key not in watches:
            watches[key] = credit_alerts.decode_watch(transaction.get(Table.WATCHES, key))
        send(transaction, credit_alerts.apply_credit(watches[key], change, self._policy, transaction.now))

    def _store(
        self,
        rates: Mapping[bytes, Rates],
        watches: Mapping[bytes, credit_alerts.Watch],
        transaction: Transaction,
    ) -> None:
        for key, rate in rates.items():
            transaction.put(Table.RATES, key, encode_rates(rate), alerts.next_due(rate, self._policy))
        for key, watch in watches.items():
            transaction.put(Table.WATCHES, key, credit_alerts.encode_watch(watch), credit_alerts.next_due(watch))
