"""Which recipients would be in another state: their rows twice, by the judgements of then and by those of now."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from app.domain.clock import judge_time
from app.domain.outages import Outages
from app.domain.policy import Policy
from app.domain.recipients import apply_confirmed, apply_failed, apply_request
from app.domain.rows import Row, decode_row, encode_row, kept_id
from app.domain.standing import judge, judge_wishes
from app.events import DeliveryConfirmed, DeliveryFailed, Micros, SuppressionRequested
from app.replay.judgements import Judgement, Verdict, judged_as, judgement_of
from app.replay.requests import Cause, Wish, requests_for
from app.replay.states import State, state_of, suppression_of, without


class Fate(StrEnum):
    """What is to become of a recipient."""

    CHANGES = "changes"
    ALREADY_SO = "already so"
    KEPT = "kept"


OLDER = "rests on records older than the topics hold"
UNEXPLAINED = "the topics' records do not explain the present state"
UNREACHABLE = "no request leads to the other state"


class Change(NamedTuple):
    """A recipient on a channel whose state depends on the mapping."""

    tenant: str
    channel: str
    recipient: str
    before: State
    """As it is now."""
    after: State
    """As it would be."""
    decided_by: tuple[str, ...]
    """Ids of the events that the new state rests on; of the failures that fell away where it rests on none."""
    fate: Fate
    why: str
    """It is kept."""
    requests: tuple[SuppressionRequested, ...]
    """That bring the other state about."""


class Terms(NamedTuple):
    """What rows are judged by."""

    policy: Policy
    outages_of: Callable[[DeliveryFailed], Outages]
    now: Micros
    mapping_version: str
    requested_by: str


class Case:
    """A recipient with failures that are judged otherwise; hand over the events in the order of their partitions.

    ``pending``, of an event: no worker has applied it to the row yet.
    """

    def __init__(self, tenant: str, recipient: str, row: bytes | None, terms: Terms) -> None:
        self._tenant = tenant
        self._recipient = recipient
        self._terms = terms
        self._live = decode_row(row)
        self._then = decode_row(None)
        self._now = decode_row(None)
        self._known: set[str] = set()
        self._rejudged: set[str] = set()
        self._causes: dict[str, Cause] = {}

    def take_failed(
        self, event: DeliveryFailed, before: Judgement, after: Judgement, *, correction: bool, pending: bool
    ) -> None:
        """Take in a recorded failure, how it stands judged, and how it is judged now.

        A correction by an earlier replay went past the worker's row. Here it is a copy of its original, and stands in
        for it once that was deleted for its age.
        """
        self._known.add(kept_id(event["event_id"]))
        if not correction:
            self._fail(self._then, event)
            if pending:
                self._fail(self._live, event)
        self._fail(self._now, judged_as(event, after))
        if after != before:
            self._note(event, before.verdict, after.verdict)

    def take_new(self, event: DeliveryFailed) -> None:
        """Take in what is a failure now and was none."""
        self._known.add(kept_id(event["event_id"]))
        self._fail(self._now, event)
        self._note(event, None, judgement_of(event).verdict)

    def take_confirmed(self, event: DeliveryConfirmed, *, pending: bool) -> None:
        """Take in good news."""
        self._known.add(kept_id(event["event_id"]))
        for row in (self._then, self._now, *([self._live] if pending else ())):
            apply_confirmed(row, event, self._terms.policy, self._terms.now)

    def take_requested(
        self, event: SuppressionRequested, received_at: Micros, *, by_replay: bool, pending: bool
    ) -> None:
        """Take in a request; those of earlier replays are no part of what would be, for they depend on a mapping."""
        self._known.add(kept_id(event["event_id"]))
        for row in (self._then, *(() if by_replay else [self._now]), *([self._live] if pending else ())):
            apply_request(row, event, self._terms.policy, self._terms.now, received_at=received_at)

    def changes(self) -> Iterator[Change]:
        """Return what would be otherwise, once all events were handed over."""
        for channel, cause in sorted(self._causes.items()):
            then, after = (state_of(row, channel, self._terms.now) for row in (self._then, self._now))
            if then == after:
                continue
            before = state_of(self._live, channel, self._terms.now)
            why = "" if before == after else self._why_kept(channel, before, then, after)
            requests: tuple[SuppressionRequested, ...] = ()
            if before != after and not why:
                terms = self._terms
                wish = Wish(
                    self._tenant, channel, self._recipient, after, cause, terms.mapping_version, terms.requested_by
                )
                requests = requests_for(wish, encode_row(self._live), terms.policy, terms.now)
                why = "" if requests else UNREACHABLE
            fate = Fate.CHANGES if requests else (Fate.KEPT if why else Fate.ALREADY_SO)
            decided_by = self._decided_by(channel, cause)
            yield Change(self._tenant, channel, self._recipient, before, after, decided_by, fate, why, requests)

    def _why_kept(self, channel: str, before: State, then: State, after: State) -> str:
        """Tell why a state is to stay; empty: nothing speaks for it."""
        present = suppression_of(self._live, channel, self._terms.now)
        if (present and not self._known.issuperset(present["evidence"])) or self._is_older(channel):
            return OLDER
        # older failures may have made a suppression longer, which does not matter where it ends altogether
        ends = before.is_suppressed and then.is_suppressed and not after.is_suppressed
        return "" if before == then or ends else UNEXPLAINED

    def _is_older(self, channel: str) -> bool:
        """Tell whether older events alone suppress: what ends first does not show, and a lift would end it too."""
        policy, now = self._terms.policy, self._terms.now
        facts = without(self._live.channels.get(channel, {}), self._known)
        judged = judge_wishes if policy.is_dry_run(self._tenant) else judge
        return judged(facts, partial(policy.for_, self._tenant, channel), now) is not None

    def _decided_by(self, channel: str, cause: Cause) -> tuple[str, ...]:
        coming = suppression_of(self._now, channel, self._terms.now)
        if coming:
            return tuple(coming["evidence"])
        present = suppression_of(self._live, channel, self._terms.now)
        fallen = [each for each in present["evidence"] if each in self._rejudged] if present else []
        return tuple(fallen) or (cause.event_id,)

    def _fail(self, row: Row, event: DeliveryFailed) -> None:
        apply_failed(row, event, self._terms.policy, self._terms.now, outages=self._terms.outages_of(event))

    def _note(self, event: DeliveryFailed, before: Verdict | None, after: Verdict) -> None:
        at = judge_time(event["occurred_at"], event["received_at"], self._terms.policy.clock).at
        self._rejudged.add(kept_id(event["event_id"]))
        cause = Cause(at, event["event_id"], before, after)
        known = self._causes.get(event["channel"])
        if known is None or (known.at, known.event_id) < (at, cause.event_id):
            self._causes[event["channel"]] = cause
