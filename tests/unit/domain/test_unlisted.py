from typing import Any, cast

import orjson
import pytest

from app.domain.unlisted import sample_of, unlisted_code
from app.events import DeliveryFailed
from app.normalize import normalize
from app.outputs import RawRecord
from tests.unit.domain.samples import T0, failed

AT = "2026-05-06T10:15:00.123Z"


def judged(provider: str, body: dict[str, Any]) -> DeliveryFailed:
    """Return the failure that a webhook becomes."""
    normalized = normalize(RawRecord(provider, orjson.dumps(body), "acme", T0))
    return cast("DeliveryFailed", normalized.outputs[0].value)


def teekrr(channel: str, code: str | None, text: str) -> DeliveryFailed:
    data = {"messageUuid": "m1", "channel": channel, "failedAt": AT, "errorCode": code, "errorMessage": text}
    return judged("teekrr", {"event": "failed", "timestamp": AT, "data": data})


def bounced(bounce_type: str, subtype: str | None, diagnostic: str = "") -> DeliveryFailed:
    data = {"messageUuid": "m1", "channel": "email", "bouncedAt": AT, "bounceType": bounce_type}
    more = {"bounceSubType": subtype, "diagnostic": diagnostic}
    return judged("teekrr", {"event": "bounced", "timestamp": AT, "data": data | more})


def prelude(status: str, reason: str | None) -> DeliveryFailed:
    payload = {"message_id": "tx_1", "status": status, "reason": reason}
    event = {"id": "evt_1", "type": "transactional.message.failed", "created_at": AT, "payload": payload}
    return judged("prelude", event)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        pytest.param(teekrr("whatsapp", "131199", "Something"), "meta:131199", id="judged by its family"),
        pytest.param(teekrr("whatsapp", "77", "Something"), "meta:77", id="judged by nothing"),
        pytest.param(teekrr("sms", "42", "Delivery failed"), "elfo:42", id="of a provider without a list"),
        pytest.param(teekrr("sms", "42", "UNDELIV"), "elfo:42", id="judged by a state word"),
        pytest.param(teekrr("sms", None, "Delivery failed"), "", id="words that no table knows"),
        pytest.param(teekrr("email", "NewException", "Sorry"), "ses:NewException", id="an error of SES"),
        pytest.param(bounced("Permanent", "NoEmail", "smtp; 550 5.4.99 x"), None, id="a listed bounce"),
        pytest.param(teekrr("email", "5.4.99", "x"), "smtp:5.4.99", id="judged by its subject"),
        pytest.param(teekrr("email", "5.99.99", "x"), "smtp:5.99.99", id="judged by its class"),
        pytest.param(bounced("Permanent", "New"), "ses_bounce:Permanent/New", id="a bounce type's new subtype"),
        pytest.param(bounced("New", "Newer"), "ses_bounce:New/Newer", id="a new bounce type"),
        pytest.param(prelude("failed", "new"), "prelude:reason:new", id="Prelude's reason"),
        pytest.param(prelude("new", None), "prelude:status:new", id="Prelude's status"),
        pytest.param(
            judged("treble", {"event_type": "deployment.failure", "reason": "NEW"}), "treble:NEW", id="treble"
        ),
    ],
)
def test_a_code_without_a_row_of_its_own_is_unlisted(event: DeliveryFailed, code: str | None) -> None:
    """Whatever stands in for it: a family, a class, a state, or nothing."""
    assert unlisted_code(event) == code


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(teekrr("whatsapp", "131026", "Message undeliverable"), id="a number"),
        pytest.param(teekrr("whatsapp", "0131026", "x"), id="a number in another spelling"),
        pytest.param(teekrr("sms", "42", "Unknown subscriber"), id="words that are understood"),
        pytest.param(teekrr("sms", "UNDELIVERED", "x"), id="a state for a code"),
        pytest.param(teekrr("sms", None, "EXPIRED"), id="a state alone"),
        pytest.param(teekrr("sms", None, ""), id="nothing at all"),
        pytest.param(bounced("Permanent", "General"), id="a general bounce"),
        pytest.param(bounced("Permanent", None), id="a bounce type alone"),
        pytest.param(bounced("Transient", "General", "smtp; 452 4.2.2 mailbox full"), id="a diagnostic"),
        pytest.param(teekrr("email", "550", "x"), id="a basic code of SMTP"),
        pytest.param(teekrr("email", "Throttling", "Daily message quota exceeded"), id="an error of SES"),
        pytest.param(prelude("failed", "generic"), id="Prelude's reason"),
        pytest.param(prelude("failed", None), id="Prelude's status"),
        pytest.param(judged("treble", {"event_type": "deployment.failure", "reason": "FAILURE"}), id="treble"),
        pytest.param(judged("treble", {"event_type": "deployment.failure"}), id="nothing of treble"),
    ],
)
def test_what_a_table_lists_or_words_explain_is_not_unlisted(event: DeliveryFailed) -> None:
    assert unlisted_code(event) is None


def test_a_number_where_a_code_should_be_is_not_shown() -> None:
    """It may be somebody's; codes of up to seven digits are codes."""
    assert unlisted_code(failed("a", T0, confidence="UNMAPPED", code="treble:447810000001")) == "treble:[number]"
    assert unlisted_code(failed("a", T0, confidence="PROVIDER", code="meta:2388999")) == "meta:2388999"


def test_a_sample_is_the_start_of_the_text_without_addresses() -> None:
    """What a provider writes may be long and name people."""
    event = teekrr("sms", "42", f"no way to +447810000001 or ann@example.com {'x' * 200}")
    assert sample_of(event) == f"no way to [number] or [address] {'x' * 88}"
