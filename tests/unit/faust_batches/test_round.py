from aiokafka import TopicPartition

from app.faust_batches.round import Round
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.transaction import Row
from app.faust_batches.wire.offsets import Gap
from tests.unit.faust_batches.small_work import Taken, batch, new_task

CHANGELOGS = {"counts": "changelog"}
INPUT = TopicPartition("input", 0)
CHANGELOG = TopicPartition("changelog", 0)


def test_a_round_holds_outputs_rows_and_offsets_of_all_its_tasks() -> None:
    one, other = new_task(), new_task(partition=1)
    made = Round()
    made.process(one, batch(Taken(4), Taken(5)))
    made.process(other, batch(Taken(8, partition=1)))
    made.process(one, batch(Taken(6)))
    frozen = made.freeze()
    written = frozen.encode({"output": 1}, CHANGELOGS)
    assert written.offsets == {INPUT: 7, TopicPartition("input", 1): 9}
    counts = {tp: [each.records for each in batches] for tp, batches in written.batches.items()}
    assert counts == {TopicPartition("output", 0): [4], CHANGELOG: [1], TopicPartition("changelog", 1): [1]}
    assert (made.load, frozen.topics) == (4, {"output"})


def test_nothing_is_in_a_round_in_which_nothing_happened() -> None:
    """An idle worker commits nothing."""
    made = Round()
    made.tick(new_task())
    assert not made


def test_records_without_any_effect_are_committed_all_the_same() -> None:
    """Their offsets are."""
    made = Round()
    task = new_task()
    made.process(task, batch(Taken(4)))
    assert made


def test_what_the_clock_alone_changes_commits_a_position() -> None:
    """A worker that is no member any more fails at it."""
    rows = MemoryRows()
    rows.apply({b"k": Row(b"1", 1)}, 1)
    task = new_task(rows)
    task.positions[INPUT] = 33
    made = Round()
    made.tick(task)
    assert made.freeze().encode({}, CHANGELOGS).offsets == {INPUT: 33}


def test_gaps_of_one_task_are_told_together() -> None:
    task = new_task()
    task.positions[INPUT] = 33
    made = Round()
    made.tell_gap(task, Gap(INPUT, 5, 33))
    made.tell_gap(task, Gap(TopicPartition("other", 0), 5, 6))
    written = made.freeze().encode({"alert": 1}, CHANGELOGS)
    assert [each.records for each in written.batches[TopicPartition("alert", 0)]] == [2]


def test_a_frozen_round_never_changes() -> None:
    """Reducing goes on while it is being committed."""
    task = new_task()
    made = Round()
    made.process(task, batch(Taken(4)))
    frozen = made.freeze()
    after = Round()
    after.process(task, batch(Taken(5)))
    assert frozen.encode({"output": 1}, CHANGELOGS).offsets == {INPUT: 5}
    frozen.apply({CHANGELOG: 8}, CHANGELOGS)
    assert (task.rows["counts"].get(b"k"), task.rows["counts"].position) == (b"1", 8)
