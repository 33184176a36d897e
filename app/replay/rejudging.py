"""What the present mapping makes of the stored webhooks, against what is recorded of them."""

from collections.abc import Sequence
from typing import NamedTuple

from app.events import DeliveryFailed
from app.replay.judgements import Identity, Judgement, Recorded, Verdict, judgement_of, mark


class Group(NamedTuple):
    """From what to what; None: no failure."""

    before: Verdict | None
    after: Verdict | None


class Tally:
    """The failures of a group."""

    def __init__(self) -> None:
        self.count = 0
        self.sample_code = ""

    def add(self, code: str) -> None:
        """Count one more; the first code of the alphabet is the sample, whatever the order."""
        self.count += 1
        self.sample_code = min(filter(None, (self.sample_code, code)), default="")


class Rejudged:
    """What came of it so far."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self.webhooks = 0
        self.failures = 0
        """Recorded ones whose webhook is still there."""
        self.waiting = 0
        """Without a record, for their recipient is not known yet."""
        self.older = 0
        """Without a record, which may have been deleted for its age."""
        self.groups: dict[Group, Tally] = {}
        self.changed: dict[Identity, Judgement] = {}
        self.new: dict[str, list[DeliveryFailed]] = {}
        """Failures that were none before, by key."""
        self.keys: set[int] = set()
        """Marks of the keys of changed and new failures."""

    def compare(
        self, where: int, failures: Sequence[tuple[str, DeliveryFailed]], *, joined: bool, complete: bool
    ) -> None:
        """Compare the failures that a webhook is now, each with its key, with the recorded ones.

        ``joined``: another event names the recipient, so the record may be still to come. ``complete``: no record of
        a webhook so young was deleted for its age.
        """
        self.webhooks += 1
        now = {mark(event["event_id"]): (key, event) for key, event in failures}
        for entry in self._recorded.take(where):
            self.failures += 1
            _, event = now.pop(entry.event, ("", None))
            after = judgement_of(event) if event else entry.judgement.withdrawn
            if after != entry.judgement:
                self.changed[where, entry.event] = after
                self.keys.add(entry.key)
                self._count(entry.judgement, after if event else None)
        for key, event in now.values():
            if joined:
                self.waiting += 1
            elif not complete:
                self.older += 1
            else:
                self.new.setdefault(key, []).append(event)
                self.keys.add(mark(key))
                self._count(None, judgement_of(event))

    def _count(self, before: Judgement | None, after: Judgement | None) -> None:
        group = Group(before.verdict if before else None, after.verdict if after else None)
        code = (after.code if after else "") or (before.code if before else "")
        self.groups.setdefault(group, Tally()).add(code)
