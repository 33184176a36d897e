import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from app.classify import MAPPING_VERSION
from app.classify.overlay_file import OVERLAY_COLUMNS, load_overlay
from app.cli.program import app
from app.identity import event_id

NOW_US = 1_780_000_000_000_000
FAILED = (
    b'{"id":"evt_1","type":"transactional.message.failed","created_at":"2026-05-06T10:15:00.123456789Z","payload":'
    b'{"message_id":"tx_1","customer_uuid":"90c7e8b2","status":"failed","reason":"unknown_recipient"}}'
)
HSM_STATUS = '{"event_type":"hsm.status","event_id":"5f8d7e6a5f8d7e6a5f8d7e6a"}'
UNREADABLE = '{"event_type":"deployment.failure","conversation_id":12345,"timestamp":5}'
DEAD = {
    "topic": "dead.letter",
    "key": "12345",
    "value": {
        "error": "BadInputError",
        "text": "timestamp: a number, expected a time as in 2026-05-06T10:15:00.123Z, or nothing",
    },
}
FAILURE: dict[str, Any] = {
    "topic": "delivery.failed",
    "key": "acme/~prelude/tx_1",
    "value": {
        "event_id": event_id("acme", "prelude", "transactional.message.failed", "evt_1"),
        "tenant": "acme",
        "provider": "prelude",
        "channel": "sms",
        "recipient": None,
        "reason": "invalid_recipient",
        "attribution": "RECIPIENT",
        "permanence": "PERMANENT",
        "occurred_at": 1_778_062_500_123_456,
        "confidence": "CODE",
        "phase": "DELIVERY",
        "provider_will_retry": "NO",
        "outcome": "failed",
        "code": "prelude:reason:unknown_recipient",
        "message_id": "tx_1",
        "account": "acme/prelude",
        "provider_account": "90c7e8b2",
        "correlation_id": None,
        "campaign_id": None,
        "recipient_kind": "none",
        "recipient_given": None,
        "event_id_basis": "provider_event_id",
        "provider_event_id": "evt_1",
        "provider_event": "transactional.message.failed",
        "provider_sent_at": None,
        "received_at": NOW_US,
        "smtp_reply": None,
        "smtp_enhanced": None,
        "receiver": None,
        "diagnostic": None,
        "raw_topic": None,
        "raw_partition": -1,
        "raw_offset": -1,
        "raw_sha256": sha256(FAILED).hexdigest(),
        "mapping_version": MAPPING_VERSION,
    },
}

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every webhook be received at the same moment."""
    monkeypatch.setattr("app.cli.judging.time.time_ns", lambda: NOW_US * 1000)


def lines(text: str) -> list[Any]:
    return [orjson.loads(line) for line in text.splitlines()]


def test_normalize_prints_a_prelude_failure_without_its_recipient() -> None:
    result = run(app, ["normalize", "--provider", "prelude", "--tenant", "acme"], input=FAILED)

    assert (result.exit_code, lines(result.stdout), result.stderr) == (0, [FAILURE], "")


def test_normalize_reads_a_file_as_one_webhook(tmp_path: Path) -> None:
    file = tmp_path / "webhook.json"
    file.write_bytes(FAILED)

    result = run(app, ["normalize", "--provider", "prelude", "--tenant", "acme", str(file)])

    assert (result.exit_code, lines(result.stdout), result.stderr) == (0, [FAILURE], "")


def test_normalize_prints_every_record_of_a_webhook_for_the_default_tenant() -> None:
    billed = '{"event":"billed","timestamp":"2026-05-06T10:15:00Z","data":{"messageUuid":"m1","channel":"sms",\
"msisdn":"+60123456789","amount":15,"currency":"MYR"}}'

    result = run(app, ["normalize", "--provider", "teekrr", "-"], input=billed)

    assert [(each["topic"], each["key"]) for each in lines(result.stdout)] == [
        ("credit.entry", "default/teekrr"),
        ("delivery.confirmed", "default/+60123456789"),
    ]


def test_normalize_judges_with_rows_of_ones_own(tmp_path: Path) -> None:
    """As the worker does that is given the same file."""
    file = tmp_path / "own.csv"
    file.write_text(f"{','.join(OVERLAY_COLUMNS)}\nacme,code,prelude:unknown_recipient,,expired,CARRIER,TRANSIENT,\n")

    result = run(app, ["normalize", "--provider", "prelude", "--tenant", "acme", "--overlay", str(file)], input=FAILED)

    changed = {"reason": "expired", "attribution": "CARRIER", "permanence": "TRANSIENT"}
    mapping = {"mapping_version": MAPPING_VERSION + load_overlay(file).version}
    assert lines(result.stdout) == [FAILURE | {"value": FAILURE["value"] | changed | mapping}]


def test_normalize_says_on_standard_error_what_it_ignores() -> None:
    result = run(app, ["normalize", "--provider", "treble"], input=HSM_STATUS)

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "ignored: hsm.status\n")


def test_normalize_prints_a_dead_letter_and_succeeds() -> None:
    result = run(app, ["normalize", "--provider", "treble"], input=UNREADABLE)

    assert (result.exit_code, lines(result.stdout), result.stderr) == (0, [DEAD], "")


def test_a_dead_letter_without_message_id_has_no_key() -> None:
    result = run(app, ["normalize", "--provider", "treble"], input="")

    value = {"error": "BadInputError", "text": "body: empty, expected a JSON object"}
    assert lines(result.stdout) == [{"topic": "dead.letter", "key": None, "value": value}]


def test_normalize_takes_a_webhook_a_line_and_goes_on_after_a_bad_one() -> None:
    """Blank lines are nothing; what is said of a line names its number among the others."""
    text = f"{UNREADABLE}\n\n{HSM_STATUS}\r\n{UNREADABLE}"

    result = run(app, ["normalize", "--provider", "treble", "--lines"], input=text)

    assert (result.exit_code, lines(result.stdout)) == (0, [DEAD, DEAD])
    assert result.stderr == "line 2: ignored: hsm.status\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--provider", "nobody"], "nobody"),
        (["--provider", "treble", "--tenant", "a/b"], "tenant: text of 3 characters"),
        (["--provider", "treble", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["--provider", "treble", "--overlay", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        ([], "--provider"),
    ],
)
def test_normalize_refuses_a_wrong_call(arguments: list[str], complaint: str) -> None:
    result = run(app, ["normalize", *arguments], input="{}")

    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in " ".join(result.stderr.split())


NOT_ON_WHATSAPP = {
    "reason": "recipient_not_on_channel",
    "attribution": "RECIPIENT",
    "permanence": "PERMANENT",
    "confidence": "CODE",
    "suppresses": True,
}
WINDOW_CLOSED = {
    "reason": "session_window_closed",
    "attribution": "CONTENT",
    "permanence": "PERMANENT",
    "confidence": "CODE",
    "suppresses": False,
}
GONE = {
    "reason": "invalid_recipient",
    "attribution": "RECIPIENT",
    "permanence": "PERMANENT",
    "confidence": "TEXT",
    "suppresses": True,
}


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        (["--channel", "whatsapp", "--code", "131026"], NOT_ON_WHATSAPP),
        (["--channel", "WhatsApp", "--provider", "teekrr", "--code", "131047"], WINDOW_CLOSED),
        (["--channel", "email", "--text", "smtp; 550 5.1.1 user unknown"], GONE),
        (["--channel", "sms", "--provider", "prelude", "--code", "unknown_recipient"], GONE | {"confidence": "CODE"}),
    ],
)
def test_classify_judges_one_failure(arguments: list[str], verdict: dict[str, Any]) -> None:
    result = run(app, ["classify", *arguments])

    assert (result.exit_code, lines(result.stdout), result.stderr) == (0, [verdict], "")


def test_classify_judges_a_failure_a_line_and_goes_on_after_a_bad_one() -> None:
    text = """{"channel": "whatsapp", "code": 131026}

{"channel": "fax"}
{"code": "131026"}
[]
{"channel": "email", "provider": null, "code": "", "text": "550 5.1.1 user unknown", "more": 1}
"""

    result = run(app, ["classify", "--lines"], input=text)

    assert lines(result.stdout) == [
        NOT_ON_WHATSAPP,
        {"error": "channel: text of 3 characters, expected sms, whatsapp or email"},
        {"error": "channel: missing, expected sms, whatsapp or email"},
        {"error": "body: a list, expected a JSON object"},
        GONE,
    ]
    assert (result.exit_code, result.stderr) == (0, "")


def test_channel_and_provider_of_the_call_hold_for_lines_that_name_none() -> None:
    text = '{"code": "unknown_recipient"}\n{"channel": "whatsapp", "provider": "teekrr", "code": "131047"}'

    result = run(app, ["classify", "--channel", "sms", "--provider", "prelude", "--lines"], input=text)

    assert lines(result.stdout) == [GONE | {"confidence": "CODE"}, WINDOW_CLOSED]


@pytest.mark.parametrize(
    "arguments", [[], ["--channel", "fax"], ["--lines", "--code", "1"], ["--lines", "--text", "x"]]
)
def test_classify_refuses_a_wrong_call(arguments: list[str]) -> None:
    result = run(app, ["classify", *arguments], input="")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["normalize", "--provider", "treble"], ["classify", "--channel", "sms"], ["--help"], ["version"]]
)
def test_commands_without_kafka_load_none_of_its_libraries(arguments: list[str]) -> None:
    """They start in a fraction of a second."""
    code = f"""
import sys
from app.cli.program import app
from app.identity import event_id
app({arguments!r}, standalone_mode=False)
print(sorted({{"aiohttp", "aiokafka", "faust"}} & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=True)

    assert done.stderr == b"[]\n"
