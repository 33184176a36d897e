"""Compares the compacted topics, which carry states, with the oracle: each change once, and the last one right."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import orjson

from app import avro
from app.topics import Topic
from tests.chaos.findings import Findings
from tests.chaos.oracle_recipients import RecipientOracle
from tests.chaos.oracle_rules import FOREVER, Standing
from tests.chaos.reading import Stored
from tests.chaos.recipient_trees import TOLD
from tests.chaos.webhooks import Micros

TOPICS = (
    Topic.SUPPRESSION_CHANGED,
    Topic.SUPPRESSION_TRIAL,
    Topic.CREDIT_CHANGED,
    Topic.DELIVERY_ALERT,
    Topic.PROVIDER_HEALTH,
)
_STATE = ("state", "reason", "since", "until", "tier", "cause", "evidence", "requested_by")
_TOPIC_OF = {"suppression": Topic.SUPPRESSION_CHANGED, "trial": Topic.SUPPRESSION_TRIAL}
_MONEY = ("granted", "available", "reserved", "spent")
State = dict[str, Any]


class StateCheck:
    """Takes in the records of these topics."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._event_ids: Counter[tuple[str, str]] = Counter()
        self._sequences: defaultdict[str, list[int]] = defaultdict(list)
        self.suppressions: dict[str, dict[str, State]] = {
            Topic.SUPPRESSION_CHANGED: {},
            Topic.SUPPRESSION_TRIAL: {},
        }
        """The last state of each address on a channel."""
        self.accounts: dict[str, State] = {}
        self.health = 0

    def take(self, record: Stored) -> None:
        """Check a record against the one before it of the same key."""
        event = avro.decode(record.topic, record.value)
        if record.topic == Topic.PROVIDER_HEALTH:
            self.health += 1
            return
        self._event_ids[record.topic, event["event_id"]] += 1
        if record.topic == Topic.CREDIT_CHANGED:
            self._take_account(event)
        elif record.topic in self.suppressions:
            self._take_suppression(record.topic, (record.key or b"").decode(), event)

    def finish(self, oracle: RecipientOracle, now: Micros) -> None:
        """Compare the last states with the oracle's, and see that nothing was written twice."""
        for (topic, event_id), count in self._event_ids.items():
            if count > 1:
                self._findings.double += count - 1
                self._findings.tell(f"{topic} repeated", f"{event_id}: {count} times")
        for account, sequences in self._sequences.items():
            wanted = dict.fromkeys(range(1, self.accounts[account]["sequence"] + 1), 1)
            self._findings.compare_counts(f"{Topic.CREDIT_CHANGED} {account}", Counter(sequences), wanted)
        self._compare_suppressions(oracle, now)
        self._findings.expect(Topic.PROVIDER_HEALTH, "records", self.health, 0)

    def compare_rows(self, rows: Mapping[bytes, bytes]) -> None:
        """See that what each row counts of its announcements, and says of its suppression, is what was told last."""
        told: dict[str, dict[str, State]] = {name: {} for name in self.suppressions}
        for name, value in rows.items():
            for channel, side in orjson.loads(value).get("channels", {}).items():
                for place, sequence in side.get(TOLD, {}).items():
                    told[_TOPIC_OF[place]][f"{name.decode()}/{channel}"] = _row_state(side.get(place), sequence)
        for topic, states in self.suppressions.items():
            for key in states.keys() | told[topic].keys():
                last = states.get(key, {})
                state = {name: last.get(name) for name in (*_STATE, "sequence")}
                if last.get("state") != "suppressed":
                    state = {"state": last.get("state"), "sequence": last.get("sequence")}
                self._findings.expect(f"row and last {topic}", key, told[topic].get(key), state)

    def _take_account(self, event: State) -> None:
        account = event["account"]
        granted, available, reserved, spent = (event[f"{name}_micros"] for name in _MONEY)
        sound = available + reserved + spent == granted and reserved >= 0
        self._findings.expect("credit invariant", (account, event["sequence"]), sound, True)
        before = self.accounts.get(account, {"sequence": 0})["sequence"]
        in_order = event["sequence"] >= before
        self._findings.expect("credit.changed order", (account, event["sequence"]), in_order, True)
        if event["cause"] != "reservation_stale":
            # that one comes of time alone: no new sequence
            self._sequences[account].append(event["sequence"])
        self.accounts[account] = event

    def _take_suppression(self, topic: str, key: str, event: State) -> None:
        states = self.suppressions[topic]
        before = states.get(key)
        if before is not None:
            self._findings.expect(f"{topic} order", key, event["sequence"] > before["sequence"], True)
            same = all(event[name] == before[name] for name in _STATE)
            self._findings.expect(f"{topic} announced again", (key, event["sequence"]), same, False)
        states[key] = event

    def _compare_suppressions(self, oracle: RecipientOracle, now: Micros) -> None:
        wanted: dict[str, dict[str, State]] = {name: {} for name in self.suppressions}
        for key, found in oracle.judgements(now):
            if found.real:
                wanted[Topic.SUPPRESSION_CHANGED][key] = _announced(found.real)
            if found.trial:
                wanted[Topic.SUPPRESSION_TRIAL][key] = _announced(found.trial)
        for topic, states in self.suppressions.items():
            for key in states.keys() | wanted[topic].keys():
                last = states.get(key)
                found_state = None
                if last is not None and last["state"] == "suppressed":
                    found_state = {name: last[name] for name in _STATE}
                self._findings.compare_row(topic, key, found_state, wanted[topic].get(key))


def _row_state(stored: State | None, sequence: int) -> State:
    if stored is None:
        return {"state": "allowed", "sequence": sequence}
    told = {name: each for name, each in stored.items() if name != "by"}
    return {**told, "requested_by": stored["by"], "state": "suppressed", "sequence": sequence}


def _announced(found: Standing) -> State:
    return {
        "state": "suppressed",
        "reason": found.reason,
        "since": found.since,
        "until": None if found.until == FOREVER else found.until,
        "tier": found.tier,
        "cause": found.cause,
        "evidence": list(found.evidence),
        "requested_by": found.by,
    }
