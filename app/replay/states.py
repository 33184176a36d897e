"""What a row says of a channel at a moment, as far as it matters to those who send."""

from typing import NamedTuple

from app.domain.rows import Channel, Fact, Row, Suppression
from app.events import Micros
from app.vocabulary import SuppressionState


class State(NamedTuple):
    """Whether a recipient may be messaged on a channel."""

    state: str
    reason: str = ""
    until: Micros | None = None
    """None: without end."""

    @property
    def is_suppressed(self) -> bool:
        """Whether it is a suppression."""
        return self.state == SuppressionState.SUPPRESSED


ALLOWED = State(SuppressionState.ALLOWED)


def suppression_of(row: Row, channel: str, now: Micros) -> Suppression | None:
    """Return the announced suppression of a channel; None also where its end has passed and was not yet announced."""
    found = row.channels.get(channel, {}).get("suppression")
    return found if found and (found["until"] is None or found["until"] > now) else None


def state_of(row: Row, channel: str, now: Micros) -> State:
    """Return the state of a channel."""
    found = suppression_of(row, channel, now)
    return State(SuppressionState.SUPPRESSED, found["reason"], found["until"]) if found else ALLOWED


def without(channel: Channel, known: set[str]) -> Channel:
    """Return what is left of a channel's facts without those of the known events; what lifts stays."""
    left: Channel = {**channel}
    for name in ("permanent", "transient", "opt_outs"):
        if name in left:
            left[name] = _others(left[name], known)
    if "request" in left and left["request"][1] in known:
        del left["request"]
    return left


def _others(facts: list[Fact], known: set[str]) -> list[Fact]:
    return [each for each in facts if each[1] not in known]
