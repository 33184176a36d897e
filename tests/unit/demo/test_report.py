"""What a person reads at the end of a demo."""

from collections import Counter
from io import StringIO
from typing import Any

from rich.console import Console

from app.demo.figures import Figures
from app.demo.load import Load
from app.demo.processes import Addresses
from app.demo.reading import Seen
from app.demo.report import print_report

COMMAND: dict[str, Any] = {
    "event_id": "grant-1",
    "tenant": "acme",
    "account": "acme/teekrr",
    "kind": "grant",
    "amount_micros": 5_000_000,
    "currency": "MYR",
    "message_id": "",
    "occurred_at": 1,
    "requested_by": "demo",
    "note": "",
}
RESERVED = {**COMMAND, "event_id": "reserve-2", "kind": "reserve", "amount_micros": 1_250_000, "message_id": "m1"}
EXPECTED = """\
Failures by provider and reason
                                               webex-
  whose fault   reason              teekrr   interact   prelude   treble
 ────────────────────────────────────────────────────────────────────────
  RECIPIENT     invalid_recipient        1                    1
  UNKNOWN       unknown                             1

Suppressed: whom to stop messaging, and why
  addresses   channel   why                            until        for example
 ────────────────────────────────────────────────────────────────────────────────
  1           email     mailbox_full, 5 failures       2026-05-28   a@b.example
  2           sms       invalid_recipient, 1 failure   lifted       +60123456781

Credit before and after the webhooks
  account                    granted   available   reserved   spent
 ───────────────────────────────────────────────────────────────────
  acme/teekrr   before          5.00        3.75       1.25    0.00
                after, MYR      5.00        4.00       0.00    1.00

Alerts
  tenant   what is wrong    what to do
 ──────────────────────────────────────
  acme     No credit [is]   Top up.

Dead letters
  times   from         what is wrong
 ────────────────────────────────────
  3       raw.treble   body: empty

0 webhooks, 3 failures, 0 confirmations, 0 recipients, 3 suppressions, 1 alerts, 3 dead letters.
The page was at http://127.0.0.1:6066/; its view of +60123456781 said: may message on no channel.
"""


def test_the_report_is_complete() -> None:
    """Repeated commands count once; what is lifted or cleared is not shown."""
    written = StringIO()
    expected = Figures(0, Counter(), 0, Counter(), 0, frozenset(), frozenset(), {}, frozenset())
    load: Any = Load([COMMAND, RESERVED, COMMAND], [], expected)  # type: ignore[list-item]

    print_report(
        Console(file=written, width=120),
        Addresses("127.0.0.1:9092", "http://127.0.0.1:8080", "http://127.0.0.1:6066"),
        load,
        seen_before(),
        {"address": "+60123456781", "may_message": []},
    )

    assert [line.rstrip() for line in written.getvalue().splitlines() if line.strip()] == [
        line for line in EXPECTED.splitlines() if line
    ]


def seen_before() -> Seen:
    seen = Seen()
    for number, (provider, attribution, reason) in enumerate(
        (
            ("teekrr", "RECIPIENT", "invalid_recipient"),
            ("prelude", "RECIPIENT", "invalid_recipient"),
            ("webex-interact", "UNKNOWN", "unknown"),
        )
    ):
        seen.failed[str(number)] = {"provider": provider, "attribution": attribution, "reason": reason, "recipient": ""}
    suppressed = {"tenant": "acme", "state": "suppressed", "cause": "failure"}
    sms = {**suppressed, "channel": "sms", "reason": "invalid_recipient", "until": None, "evidence": ["e1"]}
    seen.suppressions = {
        "1": {**sms, "recipient": "+60123456782"},
        "2": {**sms, "recipient": "+60123456781"},
        "3": {**sms, "recipient": "+60123456783", "state": "allowed"},
        "4": {
            **suppressed,
            "channel": "email",
            "reason": "mailbox_full",
            "until": 1_780_000_000_000_000,
            "evidence": ["e1", "e2", "e3", "e4", "e5"],
            "recipient": "a@b.example",
        },
    }
    seen.credit["acme/teekrr"] = {
        "currency": "MYR",
        "granted_micros": 5_000_000,
        "available_micros": 4_000_000,
        "reserved_micros": 0,
        "spent_micros": 1_000_000,
    }
    alert = {
        "kind": "low_credit",
        "tenant": "acme",
        "provider": "",
        "channel": "",
        "account": "acme/teekrr",
        "reason": "",
    }
    seen.alerts = {
        "1": {**alert, "alert_key": "1", "state": "raised", "summary": "No credit [is]", "action": "Top up."},
        "2": {**alert, "alert_key": "2", "state": "cleared", "summary": "Gone", "action": "None"},
    }
    seen.dead_letters["raw.treble", "body: empty"] = 3
    return seen
