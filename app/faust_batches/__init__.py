"""Exactly-once micro-batches for Faust.

Faust keeps its agents, tables, changelogs, assignor and web server; this package replaces how records travel. One
batch per partition is in flight; a task turns it into one Kafka transaction that carries the outputs, the changed
rows and the input offsets. It knows nothing of the product and leans on private names of one Faust and one aiokafka
version: ``tests/unit/faust_batches/test_contract.py`` fails when one of them changes.
"""

from app.faust_batches.application import BatchApp
from app.faust_batches.batch import Batch, Processor, Record, Transaction

__all__ = ["Batch", "BatchApp", "Processor", "Record", "Transaction"]
