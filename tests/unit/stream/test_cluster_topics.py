from app.stream.cluster_topics import Sizing, config_differences, configuration
from app.topics import Declaration


def test_a_topic_gets_its_declaration_and_what_the_cluster_size_asks_for() -> None:
    configured = configuration(Declaration("t", 1000, compact=False), Sizing(8, 3, 2))
    assert configured == Declaration("t", 1000, compact=False).config | {"min.insync.replicas": "2"}


def test_numbers_are_compared_as_numbers_and_words_as_words() -> None:
    """Brokers tell every value as text, each in its own spelling of numbers."""
    expected = {"min.cleanable.dirty.ratio": "0.2", "retention.bytes": "-1", "cleanup.policy": "compact"}
    assert config_differences("t", expected, expected) == []
    spelt = {"min.cleanable.dirty.ratio": "0.20", "retention.bytes": "-1", "cleanup.policy": "compact"}
    assert config_differences("t", spelt, expected) == []


def test_each_value_that_differs_or_is_not_told_has_a_line() -> None:
    found = {"segment.ms": "604800000", "cleanup.policy": "compact,delete", "retention.bytes": None, "other": "1"}
    expected = {
        "segment.ms": "21600000",
        "cleanup.policy": "compact",
        "retention.bytes": "-1",
        "min.cleanable.dirty.ratio": "0.2",
        "message.timestamp.type": "CreateTime",
    }
    assert config_differences("t", found, expected) == [
        "t: segment.ms is 604800000, expected 21600000",
        "t: cleanup.policy is compact,delete, expected compact",
        "t: retention.bytes is not told, expected -1",
        "t: min.cleanable.dirty.ratio is not told, expected 0.2",
        "t: message.timestamp.type is not told, expected CreateTime",
    ]
