import pytest

from app.settings import Settings
from app.topics import DECLARATIONS, TOMBSTONE_MS, Topic, changelog, largest_record

BY_NAME = {declaration.name: declaration for declaration in DECLARATIONS}


def test_every_topic_is_declared_once() -> None:
    assert len(DECLARATIONS) == len(Topic)
    assert set(BY_NAME) == set(Topic)


def test_a_topic_that_is_deleted_declares_all_its_promises_rest_on() -> None:
    assert BY_NAME["raw.teekrr"].config == {
        "cleanup.policy": "delete",
        "max.message.bytes": "1048588",
        "message.timestamp.type": "CreateTime",
        "unclean.leader.election.enable": "false",
        "retention.ms": "2592000000",
        "retention.bytes": "-1",
    }


def test_a_changelog_declares_how_it_is_compacted() -> None:
    declared = changelog("undelivered", "recipients")
    assert declared.name == "undelivered-recipients-changelog"
    assert declared.config == {
        "cleanup.policy": "compact",
        "max.message.bytes": "1048588",
        "message.timestamp.type": "CreateTime",
        "unclean.leader.election.enable": "false",
        "delete.retention.ms": "86400000",
        "segment.ms": "21600000",
        "segment.bytes": "67108864",
        "min.cleanable.dirty.ratio": "0.2",
    }
    assert declared.config["delete.retention.ms"] == str(TOMBSTONE_MS)


def test_the_dead_letters_take_whatever_fitted_elsewhere() -> None:
    assert BY_NAME["dead.letter"].config["max.message.bytes"] == "2097152"


@pytest.mark.parametrize(
    ("topic", "most"),
    [
        ("raw.treble", 1_048_076),
        ("delivery.failed", 1_048_076),
        ("undelivered-credits-changelog", 1_048_076),
        ("dead.letter", 2_096_640),
    ],
)
def test_a_record_leaves_room_for_its_batch(topic: str, most: int) -> None:
    assert largest_record(topic) == most


def test_the_largest_webhook_the_gateway_may_take_fits_its_topic() -> None:
    """A key of 256 bytes and the headers of a raw record take their part beside the body."""
    body_limit = 1_000_000
    assert Settings.model_validate({"gateway": {"body_limit_bytes": body_limit}}).gateway.body_limit_bytes == body_limit
    assert largest_record(Topic.RAW_TREBLE) - body_limit > 4096
