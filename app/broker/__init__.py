"""A real Apache Kafka, and a schema registry, from nothing but pip: for development and tests, never for production.

Runs on Linux and macOS; every server listens on 127.0.0.1 alone.
"""

from app.broker.cluster import Cluster
from app.broker.kafka import Broker
from app.broker.registry import Registry, running_registry

__all__ = ["Broker", "Cluster", "Registry", "running_registry"]
