from aiokafka import TopicPartition

from app.topics import Topic
from app.web.lag import waiting

RAW = TopicPartition(Topic.RAW_TEEKRR, 0)
FAILED = TopicPartition(Topic.DELIVERY_FAILED, 0)
TOPICS = (Topic.RAW_TEEKRR, Topic.DELIVERY_FAILED)


def test_all_topics_of_an_agent_count() -> None:
    """Behind the last record of a topic that agents write to there may be a marker of each writer."""
    assert waiting(TOPICS, {RAW: 0, FAILED: 0}, {RAW: 10, FAILED: 29}, {RAW: 7, FAILED: 15}, 4) == 3 + 10


def test_an_agent_that_is_up_to_date_has_nothing_waiting() -> None:
    assert waiting(TOPICS, {RAW: 0, FAILED: 0}, {RAW: 10, FAILED: 24}, {RAW: 10, FAILED: 20}, 4) == 0


def test_what_was_never_read_waits_from_its_beginning() -> None:
    assert waiting(TOPICS, {RAW: 100, FAILED: 0}, {RAW: 110, FAILED: 0}, {}, 4) == 10


def test_records_deleted_before_they_were_read_do_not_wait() -> None:
    assert waiting(TOPICS, {RAW: 100}, {RAW: 110}, {RAW: 50}, 4) == 10


def test_other_agents_topics_do_not_count() -> None:
    assert waiting([Topic.RAW_PRELUDE], {RAW: 0}, {RAW: 10}, {}, 4) == 0
