"""Servers that many tests share: each starts when the first test asks for it and runs to the end of the session."""

from collections.abc import Iterator

import pytest

from app.broker import Cluster, Registry, running_registry


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """Run one broker; tests share it, so each takes topics and groups of its own."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """Run a schema registry that speaks the Confluent API."""
    with running_registry() as server:
        yield server
