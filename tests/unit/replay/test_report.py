from io import StringIO

from rich.console import Console

from app.replay.comparing import Answer
from app.replay.difference import OLDER, Change, Fate
from app.replay.judgements import Recorded, Verdict
from app.replay.parcels import Correction, Parcel
from app.replay.rejudging import Group, Rejudged, Tally
from app.replay.report import SHOWN, lines, print_tables
from app.replay.states import ALLOWED, State
from app.replay.writing import Written
from tests.unit.domain.samples import DAY, T0, asked

GONE = Verdict("invalid_recipient", "RECIPIENT", "PERMANENT")
SUPPRESSED = State("suppressed", "invalid_recipient", T0 + DAY)
FOR_EVER = State("suppressed", "recipient_opted_out")
LIFT = asked("q", T0, "lift")
CHANGE = Change("acme", "sms", "+60123000001", SUPPRESSED, ALLOWED, ("e1", "e2"), Fate.CHANGES, "", (LIFT,))
KEPT = Change("acme", "email", "ann@example.com", ALLOWED, FOR_EVER, ("e3",), Fate.KEPT, OLDER, ())
NOBODY = {"changes": 0, "already so": 0, "kept": 0}


def answer(*changes: Change, groups: int = 1) -> Answer:
    """Return an answer with so many groups of one failure each."""
    rejudged = Rejudged(Recorded())
    rejudged.webhooks, rejudged.failures, rejudged.waiting, rejudged.older = 9, 5, 2, 1
    for number in range(groups):
        tally = rejudged.groups[Group(GONE._replace(reason=f"r{number:02}"), None)] = Tally()
        tally.add("elfo:42" if number == 0 else "")
    return Answer("1.new", rejudged, 3, list(changes), [Parcel("k", (Correction("e1", "sms", b""),), (LIFT,))])


def printed(shown: Answer, written: Written | None = None, width: int = 200) -> str:
    text = StringIO()
    print_tables(shown, written, Console(file=text, width=width))
    return text.getvalue()


def test_a_program_reads_documents() -> None:
    found = list(lines(answer(CHANGE, KEPT), Written(1, 1, 1)))
    assert found == [
        {
            "kind": "failures",
            "from": {"reason": "r00", "attribution": "RECIPIENT", "permanence": "PERMANENT"},
            "to": None,
            "count": 1,
            "sample_code": "elfo:42",
        },
        {
            "kind": "recipient",
            "tenant": "acme",
            "channel": "sms",
            "recipient": "+60123000001",
            "from": {"state": "suppressed", "reason": "invalid_recipient", "until": "2024-10-05T00:00:00Z"},
            "to": {"state": "allowed", "reason": None, "until": None},
            "decided_by": ("e1", "e2"),
            "fate": "changes",
            "why": None,
            "requests": ["lift"],
        },
        {
            "kind": "recipient",
            "tenant": "acme",
            "channel": "email",
            "recipient": "ann@example.com",
            "from": {"state": "allowed", "reason": None, "until": None},
            "to": {"state": "suppressed", "reason": "recipient_opted_out", "until": None},
            "decided_by": ("e3",),
            "fate": "kept",
            "why": "rests on records older than the topics hold",
            "requests": [],
        },
        {
            "kind": "summary",
            "mapping_version": "1.new",
            "webhooks": 9,
            "failures": 5,
            "judged_otherwise": 0,
            "newly_failures": 0,
            "not_compared": {"webhook_gone": 3, "recipient_awaited": 2, "older": 1},
            "recipients": NOBODY | {"changes": 1, "kept": 1},
            "to_write": {"corrections": 1, "requests": 1},
            "written": {"corrections": 1, "requests": 1, "transactions": 1},
        },
    ]


def test_a_person_reads_tables_and_sentences() -> None:
    found = printed(answer(CHANGE, KEPT))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in found.splitlines() if "│" in line]
    assert rows == [
        ["r00 RECIPIENT PERMANENT", "no failure", "1", "elfo:42"],
        ["acme sms +60123000001", "invalid_recipient until 2024-10-05", "allowed", "e1 and 1 more"],
        ["acme email ann@example.com", "allowed", "recipient_opted_out without end", OLDER],
    ]
    assert found.splitlines()[-5:] == [
        "Mapping 1.new: 9 webhooks read, 5 recorded failures judged anew, 0 of them otherwise, 0 new.",
        "Not judged anew, for their webhooks are deleted or older than asked about: 3.",
        "Not compared, for they wait for the event that names their recipient, or repeat one: 2.",
        "Not compared, for their records may have been deleted: 1.",
        "Nothing was written; --apply would write 1 corrected failures and 1 requests.",
    ]


def test_a_person_reads_what_was_written() -> None:
    found = printed(answer(), Written(2, 1, 1)).splitlines()[-1]
    assert found == (
        "Written: 2 corrected failures to delivery.failed and 1 requests to suppression.requested, on which the "
        "workers act."
    )


def test_long_tables_are_cut_off_and_say_so() -> None:
    found = printed(answer(*[CHANGE] * (SHOWN + 2), groups=SHOWN + 1))
    assert (found.count("+60123000001"), found.count(" RECIPIENT ")) == (SHOWN, SHOWN)
    assert "and 2 more; --json prints all" in found
    assert "and 1 more; --json prints all" in found


def test_an_address_is_never_cut_off() -> None:
    """On a narrow terminal it goes on in the next line."""
    found = printed(answer(CHANGE._replace(recipient="x" * 60)), width=60)
    assert found.count("x") == 60


def test_what_providers_wrote_cannot_move_the_cursor_or_colour_anything() -> None:
    found = printed(answer(CHANGE._replace(recipient="\x1b[31m[red]x\x07\x9b")))
    assert "acme sms ?[31m[red]x??" in found
