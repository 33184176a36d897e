"""A worker starts while brokers do, and gives up at once where it is refused."""

import logging

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, SaslAuthenticationFailed

from app.stream.first_contact import patiently

LOG = logging.getLogger("aiokafka")


class Brokers:
    """Answer after some errors; a reason is logged before each, as the client library does."""

    def __init__(self, *errors: KafkaError, reason: Exception | None = None) -> None:
        self._errors = list(errors)
        self._reason = reason
        self.asked = 0

    async def ask(self) -> None:
        """Raise the next error."""
        self.asked += 1
        if self._reason:
            LOG.error('Unable connect to "%s:%s": %s', "kafka", 9092, self._reason)
        if self._errors:
            raise self._errors.pop(0)


@pytest.mark.parametrize("error", [NodeNotReadyError(), KafkaConnectionError("Unable to bootstrap from []")])
async def test_brokers_that_are_starting_are_asked_again(error: KafkaError, caplog: pytest.LogCaptureFixture) -> None:
    """The client library's own line for each attempt is not shown."""
    brokers = Brokers(error, error, reason=OSError("connection refused"))
    await patiently(brokers.ask, "look at the topics", 60)
    assert (brokers.asked, caplog.messages) == (3, [])


async def test_a_refusal_ends_it_at_once() -> None:
    """It comes as a lost connection, whose reason is but logged."""
    brokers = Brokers(KafkaConnectionError("Unable to bootstrap from []"), reason=SaslAuthenticationFailed())
    with pytest.raises(KafkaConnectionError):
        await patiently(brokers.ask, "look at the topics", 60)
    assert brokers.asked == 1


async def test_the_last_error_ends_it_in_the_end() -> None:
    """So that whoever reads it is told why."""
    brokers = Brokers(NodeNotReadyError(), NodeNotReadyError())
    with pytest.raises(NodeNotReadyError):
        await patiently(brokers.ask, "look at the topics", -1)
    assert brokers.asked == 1
