"""An operator's own rows in whole webhooks: what they change of a failure's record, for whom, and what they leave."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from app.classify import MAPPING_VERSION
from app.classify.overlay import Overlay
from app.classify.overlay_file import OVERLAY_COLUMNS, parse_overlay
from app.normalize import normalize
from app.outputs import Normalized, RawRecord

Sample = Callable[..., RawRecord]

ECHO = "recipient_suppressed,RECIPIENT,PERMANENT,"
FULL = "mailbox_full,RECIPIENT,TRANSIENT,"


class Case(NamedTuple):
    """A webhook and what an own row can name of it."""

    name: str
    changes: dict[str, object]
    match: str
    """Kind, match and codes."""
    confidence: str
    phase: str
    """Of a mailbox that is full."""


CASES = {
    "teekrr sms, code": Case("teekrr-failed-sms", {"data__errorCode": "42"}, "code,elfo:42,", "CODE", "DELIVERY"),
    "teekrr sms, words": Case("teekrr-failed-sms", {}, "sms,delivery failed,", "TEXT", "DELIVERY"),
    "teekrr whatsapp, row": Case("teekrr-failed-whatsapp", {}, "row,meta_whatsapp:131026,", "CODE", "DELIVERY"),
    "teekrr email, words": Case("teekrr-failed-email", {}, "email,sending rate,", "TEXT", "SUBMISSION"),
    "teekrr bounced, words": Case("teekrr-bounced", {}, "email,user unknown,5.1.1", "TEXT", "DELIVERY"),
    "prelude, code": Case("prelude-failed", {"payload__reason": "novel"}, "code,prelude:novel,", "CODE", "DELIVERY"),
    "prelude, row": Case("prelude-failed", {}, "row,prelude:reason:carrier_rejected,", "CODE", "DELIVERY"),
    "webex, code": Case("webex-failed", {"data__code": 42}, "code,webex_interact:42,", "CODE", "UNKNOWN"),
    "treble, code": Case("treble-failure", {"failure_reason": "NOVEL_1"}, "code,treble:novel_1,", "CODE", "DELIVERY"),
    "treble, row": Case("treble-failure", {}, "row,treble:FAILURE_BY_OPTOUT_CONTACT,", "CODE", "DELIVERY"),
}


def overlay(*rows: str) -> Overlay:
    return parse_overlay("own", "\n".join([",".join(OVERLAY_COLUMNS), *rows]) + "\n")


def failure(raw: RawRecord, rows: Overlay) -> dict[str, object]:
    return dict(normalize(raw, rows).outputs[0].value)


def with_failure(normalized: Normalized, **changes: object) -> Normalized:
    """What a webhook means, with other values in its failure."""
    first, *others = normalized.outputs
    return normalized._replace(outputs=(first._replace(value={**first.value, **changes}), *others))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_tenants_own_row_goes_before_the_one_for_all(sample: Sample, case: Case) -> None:
    """What follows from the reason, phase and outcome, follows from the row's; nothing else of the record changes."""
    rows = overlay(f"*,{case.match},{FULL}", f"acme,{case.match},{ECHO}")
    raw = sample(case.name, **case.changes)
    judged = {"confidence": case.confidence, "mapping_version": MAPPING_VERSION + rows.version}
    assert normalize(raw, rows) == with_failure(
        normalize(raw),
        reason="recipient_suppressed",
        attribution="RECIPIENT",
        permanence="PERMANENT",
        phase="REFUSED",
        outcome="rejected",
        **judged,
    )
    other = raw._replace(tenant="other")
    assert normalize(other, rows) == with_failure(
        normalize(other),
        reason="mailbox_full",
        attribution="RECIPIENT",
        permanence="TRANSIENT",
        phase=case.phase,
        **judged,
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_another_tenants_row_changes_the_mapping_version_alone(sample: Sample, case: Case) -> None:
    rows = overlay(f"other,{case.match},{ECHO}")
    raw = sample(case.name, **case.changes)
    assert normalize(raw, rows) == with_failure(normalize(raw), mapping_version=MAPPING_VERSION + rows.version)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("teekrr-bounced", {"data__bounceType": "Transient", "data__diagnostic": "smtp; 450 4.2.1 Frozen by owner"}),
        ("teekrr-failed-email", {"data__errorCode": None, "data__errorMessage": "450 4.2.1 Frozen by owner"}),
        ("teekrr-failed-email", {"data__errorCode": "450", "data__errorMessage": "Frozen by owner"}),
        # of SES's own server
        ("teekrr-failed-email", {"data__errorCode": "454", "data__errorMessage": "Temporary service failure"}),
    ],
)
def test_a_temporary_answer_stays_temporary(sample: Sample, name: str, changes: dict[str, object]) -> None:
    said = ("frozen by owner", "temporary service failure")
    rows = overlay(*(f"*,email,{words},,recipient_disabled,RECIPIENT,PERMANENT," for words in said))
    record = failure(sample(name, **changes), rows)
    assert (record["reason"], record["permanence"]) == ("recipient_disabled", "TRANSIENT")


def test_an_own_code_of_treble_is_found_in_any_place(sample: Sample) -> None:
    """Also behind a value that no table and no row knows."""
    rows = overlay(f"acme,code,treble:NOVEL_1,,{ECHO}")
    raw = sample("treble-failure", failure_reason="NOT_LISTED", status="NOVEL_1")
    assert [failure(raw, each)["code"] for each in (overlay(), rows)] == ["treble:NOT_LISTED", "treble:NOVEL_1"]


def test_an_own_row_for_a_preludes_reason_decides_when_time_ran_out_too(sample: Sample) -> None:
    rows = overlay(f"*,code,prelude:network,,{FULL}")
    record = failure(sample("prelude-failed", payload__reason="network", payload__status="expired"), rows)
    assert (record["reason"], record["attribution"], record["outcome"]) == ("mailbox_full", "RECIPIENT", "expired")
