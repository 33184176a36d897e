"""Exactly-once rounds for Faust.

Faust keeps its agents, tables, changelogs, assignor and web server; this package replaces how records travel. What has
arrived for all partitions of a worker is reduced in rounds, and each round is one Kafka transaction that carries its
outputs, changed rows and input offsets, fenced by the generation of the consumer group. It knows nothing of the product
and leans on private names of one Faust and one aiokafka version: ``tests/unit/faust_batches/test_contract.py`` fails
when one of them changes.
"""

from app.faust_batches.application import BatchApp, BatchOptions
from app.faust_batches.batch import Batch, Incidents, Processor, Record, Rows
from app.faust_batches.transaction import SizeLimits, Transaction

__all__ = [
    "Batch",
    "BatchApp",
    "BatchOptions",
    "Incidents",
    "Processor",
    "Record",
    "Rows",
    "SizeLimits",
    "Transaction",
]
