"""`undelivered classify` and a worker judge alike: the same code and text, asked for by hand and in a whole webhook."""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from app.classify.codes import ROWS
from app.classify.overlay_file import OVERLAY_COLUMNS, load_overlay
from app.cli.program import app
from app.vocabulary import Provider
from tests.unit.classify.payloads import (
    email_bounced,
    email_failed,
    failure_of,
    prelude_failed,
    question_of,
    sms_failed,
    treble_failure,
    webex_failed,
    whatsapp_failed,
)
from tests.unit.classify.vectors import email_wordings, meta, receivers, ses, sms_codes, sms_wordings, smtp, treble

SAID = ("reason", "attribution", "permanence", "confidence", "code", "receiver", "mapping_version")
OWN = """\
*,code,elfo:9999,,invalid_recipient,RECIPIENT,PERMANENT,
*,code,prelude:network,,routing_error,PROVIDER,TRANSIENT,
*,code,treble:NOVEL,,recipient_opted_out,RECIPIENT,PERMANENT,
*,code,webex_interact:42,,recipient_suppressed,RECIPIENT,PERMANENT,
*,code,ses_bounce:Novel/General,,mailbox_full,RECIPIENT,TRANSIENT,
*,code,smtp:5.2.1,,recipient_restricted,RECIPIENT,UNDETERMINED,
*,row,email_rules:relay,,routing_error,SENDER,PERMANENT,
*,row,prelude:status:expired,,expired,CARRIER,TRANSIENT,
*,row,meta_whatsapp:131026,,unknown,UNKNOWN,UNDETERMINED,
*,email,user unknown,5,recipient_disabled,RECIPIENT,PERMANENT,
acme,sms,absent subscriber,,recipient_not_on_channel,RECIPIENT,PERMANENT,
"""

Webhook = tuple[Provider, dict[str, Any]]


def _webhooks() -> Iterator[Webhook]:
    """All that is generated from the tables, and what no table lists."""
    for make in (meta, ses, smtp, receivers, sms_codes, email_wordings, sms_wordings, treble):
        yield from ((vector.provider, vector.body) for vector in make())
    words = [row.code.partition(":")[2] for row in ROWS if row.namespace == "prelude"]
    for status, reason in product(
        ("failed", "expired", "Expired", "novel", None), (*words, "novel", "meta:131026", None)
    ):
        yield Provider.PRELUDE, prelude_failed(status, reason)
    for state in (*(row.code for row in ROWS if row.namespace == "smpp"), "42", "novel", "twilio:30003", None):
        yield Provider.WEBEX_INTERACT, webex_failed(state)
    yield from ((Provider.TREBLE, treble_failure(place, "NOVEL")) for place in ("reason", "error.code"))
    codes = ("42", "E9", "twilio:30003", "REJECTD", "2494100", "(#2494100)", "550", "5.2.1", "Novel/General", "x", None)
    texts = (
        "",
        "Absent subscriber",
        "smtp; 550 5.1.1 user unknown",
        "Throttling: slow down",
        "(#131047) Re-engage",
        "x",
    )
    for code, text in product(codes, texts):
        yield from ((Provider.TEEKRR, make(code, text)) for make in (sms_failed, whatsapp_failed, email_failed))
    kinds = ("Permanent", " transient ", "Undetermined", "Complaint", "Novel", "")
    for kind, subtype, text in product(kinds, ("General", "suppressed", "Novel", ""), texts):
        yield Provider.TEEKRR, email_bounced(kind, subtype, text)


WEBHOOKS = list(_webhooks())


def _by_hand(arguments: list[str]) -> Iterator[dict[str, Any]]:
    asked = (dict(zip(("channel", "provider", "code", "text"), question_of(*each), strict=True)) for each in WEBHOOKS)
    lines = b"\n".join(map(orjson.dumps, asked))
    result = CliRunner().invoke(app, ["classify", "--lines", "--explain", *arguments], input=lines)
    return map(orjson.loads, result.stdout.splitlines())


def _said(judgement: Mapping[str, Any]) -> list[object]:
    return [judgement[name] for name in SAID]


@pytest.mark.parametrize("rows", ["", OWN], ids=["tables", "overlay"])
def test_a_webhook_is_judged_as_its_code_and_text_by_hand(tmp_path: Path, rows: str) -> None:
    """With the tables alone and with rows of one's own."""
    file = tmp_path / "own.csv"
    file.write_text(f"{','.join(OVERLAY_COLUMNS)}\n{rows}")
    overlay = load_overlay(file if rows else None)
    by_hand = list(_by_hand(["--tenant", "acme", *(["--overlay", str(file)] if rows else [])]))
    differ = [
        (provider, body, in_stream, asked)
        for (provider, body), document in zip(WEBHOOKS, by_hand, strict=True)
        if (in_stream := _said(failure_of(provider, body, overlay))) != (asked := _said(document))
    ]
    assert differ == []
    own = {f"own:{number}" for number, _ in enumerate(rows.splitlines(), start=2)}
    assert {document["decided_by"] for document in by_hand if document["decided_by"].startswith("own:")} == own
