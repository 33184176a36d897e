"""The suppression that follows from a row is the one that living through the events in their order would leave."""

from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.rows import Channel, Fact, keep_fact
from app.domain.standing import judge
from tests.unit.domain.samples import DAY, HOUR, POLICY, T0

NEVER = 10**18
RANKS = {"delivery": 0, "transient": 1, "permanent": 1, "consent": 2, "opt_out": 3, "lift": 4, "request": 5}
Step = tuple[int, str, str]
"""Moment, kind, id."""


class Lived:
    """A recipient's e-mail channel that lives through its events one after the other, with the built-in policy."""

    def __init__(self) -> None:
        self.running: dict[str, tuple[int, int]] = {}
        self.tiers = {"permanent": 0, "transient": 0}
        self.window: list[int] = []

    def live(self, at: int, kind: str) -> None:
        """Live through one event."""
        if kind == "delivery":
            self.window.clear()
            self.running.pop("transient", None)
            self.tiers["transient"] = 0
        elif kind == "lift":
            self.window.clear()
            self.running.clear()
        elif kind == "consent":
            self.running.pop("opt_out", None)
        elif kind == "opt_out":
            self.running.setdefault("opt_out", (at, NEVER))
        elif kind == "request":
            self.running["request"] = (at, at + 20 * DAY)
        elif kind == "permanent":
            self._fail(kind, at, 90 * DAY * 2 ** min(self.tiers[kind], 3))
        else:
            self.window.append(at)
            recent = [each for each in self.window if each > at - 30 * DAY]
            if len(recent) >= 5 and len({each // DAY for each in recent}) >= 3:
                self._fail(kind, at, 7 * DAY)

    def _fail(self, kind: str, at: int, lasts: int) -> None:
        if kind not in self.running or self.running[kind][1] <= at:
            self.running[kind] = (at, at + lasts)
            self.tiers[kind] += 1

    def standing(self, now: int) -> tuple[int, int | None, int] | None:
        """Return since, until and tier of the suppression that ends last."""
        best: tuple[int, int, int] | None = None
        for kind in ("opt_out", "request", "permanent", "transient"):
            if kind in self.running:
                since, until = self.running[kind]
                if until > now and (best is None or until > best[1]):
                    best = (since, until, self.tiers.get(kind, 1))
        return best and (best[0], None if best[1] == NEVER else best[1], best[2])


def channel_of(steps: list[Step]) -> Channel:
    """Return the facts that a row would keep of these events."""
    facts: dict[str, list[Fact]] = {}
    single: dict[str, Any] = {}
    for at, kind, name in steps:
        if kind == "delivery":
            single["last_success"] = max(at, single.get("last_success", 0))
        elif kind == "consent":
            single["consent"] = max([at, name], single.get("consent", []))
        elif kind == "request":
            single["request"] = max([at, name, "cancelled", "bob", at + 20 * DAY], single.get("request", []))
        elif kind == "lift":
            keep_fact(facts.setdefault("lifts", []), [at, name, "eve"])
        elif kind == "opt_out":
            keep_fact(facts.setdefault("opt_outs", []), [at, name, "recipient_opted_out", ""])
        else:
            keep_fact(facts.setdefault(kind, []), [at, name, "mailbox_full"])
    channel: Channel = {**facts, **single}  # type: ignore[typeddict-item]
    return channel


_STEPS = st.lists(st.tuples(st.integers(0, 200 * 24), st.sampled_from(sorted(RANKS))), max_size=25)


@settings(max_examples=300, deadline=None)
@given(_STEPS, st.integers(0, 300))
def test_judging_the_facts_is_living_through_the_events(drawn: list[tuple[int, str]], later: int) -> None:
    """Up to sixteen events of a kind in two hundred days, and any moment after them."""
    steps: list[Step] = []
    for number, (hour, kind) in enumerate(drawn):
        if sum(step[1] == kind for step in steps) < 16:
            steps.append((T0 + hour * HOUR, kind, f"{number:02}"))
    lived = Lived()
    for at, kind, _ in sorted(steps, key=lambda step: (step[0], RANKS[step[1]], step[2])):
        lived.live(at, kind)
    now = max([T0, *(step[0] for step in steps)]) + later * DAY
    standing = judge(channel_of(steps), partial(POLICY.for_, "acme", "email"), now)
    assert (standing and (standing.since, standing.until, standing.tier)) == lived.standing(now)
