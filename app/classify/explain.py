"""Says which row decided on a failure, and of the others why they did not.

The verdict is the one of ``classify``; the steps are looked at one by one, whether or not an earlier one decided.
"""

from collections.abc import Iterator
from typing import NamedTuple

from app.classify.codes import INDEX, SES_TEXTS, ses_submission, spellings
from app.classify.diagnostics import (
    BEFORE_THE_RECIPIENT,
    CLEAR_WORDING,
    MAY_PASS,
    SPEAKS_OF_US,
    VAGUE_WORDING,
    of_our_domain,
)
from app.classify.dispatch import (
    EXPIRED,
    META_CODE_IN_TEXT,
    META_TITLES,
    SES_CODE_IN_TEXT,
    SMTP_CODE,
    classify,
    is_bounce,
    place_of,
)
from app.classify.overlay import Overlay
from app.classify.phrases import split_words, without_hosts
from app.classify.receivers import RECEIVER_ROWS, recognise
from app.classify.sms import WORDING, by_state, given_code, without_message
from app.classify.smtp import Reply, parse_reply
from app.classify.steps import Step, known_step, ses_text_steps, table_steps, wording_steps
from app.classify.tables import LONGEST_TEXT
from app.classify.verdict import Verdict
from app.vocabulary import Attribution, Permanence, Reason


class Explanation(NamedTuple):
    """A verdict and the way to it."""

    verdict: Verdict
    steps: tuple[Step, ...]
    """In the order in which they count; the one whose row is the verdict's decided."""


def explain(channel: str, provider: str = "", code: str = "", text: str = "") -> Explanation:
    """The verdict of ``classify`` on the same failure, and every row that came into question."""
    verdict = classify(channel, provider, code, text)
    namespace, code = place_of(channel, provider, code)
    text = text[:LONGEST_TEXT]
    match namespace:
        case "prelude":
            steps = _prelude(code)
        case "meta":
            steps = _meta(code, text)
        case "email" | "smtp":
            steps = _email(code, text)
        case "ses_bounce":
            steps = _bounce(code, text)
        case "ses":
            steps = _ses(code, text)
        case "treble":
            steps = table_steps(namespace, code)
        case _:
            steps = _sms(namespace, code, text)
    return Explanation(verdict, tuple(_why_not(verdict, list(steps))))


def with_overlay(explanation: Explanation, overlay: Overlay, tenant: str, channel: str, text: str) -> Explanation:
    """The explanation of what the overlay makes of a failure."""
    before = explanation.verdict
    row = overlay.row_for(tenant, channel, before, text)
    verdict = overlay.applied(tenant, channel, before, text)
    if row is None:
        step = Step("overlay", "", False, f"no row for {tenant} fits this wording, code or row")
        return Explanation(verdict, (step, *explanation.steps))
    own = Step("overlay", row.name, True, f"decides: {row.namespace} {row.code}")
    others = (
        step._replace(because=step.because.replace("decides: ", "decided before the overlay: ", 1))
        for step in explanation.steps
    )
    return Explanation(verdict, (own, *others))


def _why_not(verdict: Verdict, steps: list[Step]) -> Iterator[Step]:
    """The steps, each told apart: the first with the deciding row decides, what matched besides did not."""
    place = next((n for n, step in enumerate(steps) if step.matched and step.row == verdict.decided_by), len(steps))
    for number, step in enumerate(steps):
        if number == place:
            yield step._replace(because=f"decides: {step.because}")
        elif step.matched:
            more = "a row before it decided" if number > place else "not taken: what is said elsewhere is more definite"
            yield step._replace(because=f"{step.because}; {more}")
        else:
            yield step


def _prelude(code: str) -> Iterator[Step]:
    status, slash, reason = code.strip().casefold().partition("/")
    if not slash:
        yield from table_steps("prelude", code)
        return
    status, reason = status.strip().removeprefix("status:"), reason.strip().removeprefix("reason:")
    if reason:
        yield from table_steps("prelude", f"reason:{reason}")
    yield from table_steps("prelude", f"status:{status if status or reason else 'failed'}")
    if status == EXPIRED and reason:
        yield Step("expiry", "", False, "a reason that may pass gives way to it; whose fault it was stays")


def _meta(code: str, text: str) -> Iterator[Step]:
    if code.strip():
        yield from table_steps("meta", code)
        return
    named = META_CODE_IN_TEXT.search(text[:256])
    if named:
        yield from table_steps("meta", named[1])
    title = META_TITLES.get(text[:256].strip().rstrip(".").casefold())
    yield known_step("title", title, "the text is its title", "the text is no title that one code alone has")


def _ses(code: str, text: str) -> Iterator[Step]:
    yield from ses_text_steps(spellings("ses", code.strip().casefold()), text)
    yield from table_steps("ses", code)


def _email(code: str, text: str) -> Iterator[Step]:
    code = code.strip()
    if is_bounce(code):
        yield from _bounce(code, text)
    elif code[:1].isdecimal():
        answer = ses_submission(code, text)
        yield known_step("SES text", answer, "SES's own server answers so", "no answer of SES's own server")
        plain = SMTP_CODE.fullmatch(code)
        yield from _diagnostic(text, code) if plain else _diagnostic(f"{code} {text}", "")
    elif code:
        yield from _ses(code, text)
        yield from _email_text(text)
    else:
        yield from _email_text(text)


def _bounce(code: str, text: str) -> Iterator[Step]:
    kind, _, subtype = code.partition("/")
    yield from table_steps("ses_bounce", f"{kind.strip()}/{subtype.strip()}")
    yield from _diagnostic(text, "")


def _email_text(text: str) -> Iterator[Step]:
    named = SES_CODE_IN_TEXT.search(text[:256])
    if named:
        yield from _ses(named[1] or named[2], text)
    yield from (step for step in ses_text_steps({base for base, _, _ in SES_TEXTS} - {"smtp"}, text) if step.matched)
    yield from _diagnostic(text, "")


def _diagnostic(text: str, code: str) -> Iterator[Step]:
    codes = parse_reply(text, code, code)
    words = split_words(without_hosts(text))
    marks = frozenset({codes.enhanced, codes.basic, (codes.enhanced or codes.basic)[:1]})
    yield from _receiver_rows(recognise(split_words(text), ""), codes, text)
    yield from wording_steps("wording", CLEAR_WORDING, words, marks)
    yield _enhanced(codes)
    yield from wording_steps("vague wording", VAGUE_WORDING, words, marks)
    yield from _general(codes)
    if any(mark in words.joined for mark in BEFORE_THE_RECIPIENT):
        yield Step("stage", "", False, "said before the recipient was named: no mailbox is judged by it")
    if SPEAKS_OF_US.search(words.joined):
        yield Step("doubt", "", False, "the sender or the message is named: no mailbox is judged by it")
    if of_our_domain(codes, text):
        yield Step("doubt", "", False, "our IP or an argument of ours is quoted: a wrong domain in it may be ours")
    if MAY_PASS.search(words.joined):
        yield Step("doubt", "", False, "a cause is named that may pass: nobody is given up for it")
    if codes.temporary:
        yield Step("class", "", False, "the receiver says that it may pass (class 4): temporary, whichever row decides")


def _receiver_rows(receiver: str, codes: Reply, text: str) -> Iterator[Step]:
    if not receiver:
        yield Step("receiver", "", False, "the receiver is none of those known")
        return
    rows = [row for each in (codes.enhanced, codes.basic, "") for row in RECEIVER_ROWS.get((receiver, each), ())]
    if not rows:
        given = codes.enhanced or codes.basic or "no code"
        yield Step("receiver", "", False, f"{receiver} has no row of its own for {given}")
    for row in rows:
        said = row.pattern.search(text) is not None
        yield Step(
            "receiver", row.verdict.decided_by, said, f"{receiver}'s words are {'' if said else 'not '}in the text"
        )


def _enhanced(codes: Reply) -> Step:
    known = INDEX["smtp"]
    verdict = known.get(codes.enhanced) or (known["2.1.5"] if codes.enhanced.startswith("2.") else None)
    if verdict is None:
        missing = f"no table lists {codes.enhanced}" if codes.enhanced else "there is no enhanced code"
        return Step("enhanced code", "", False, missing)
    if verdict.reason is Reason.UNKNOWN:
        return Step("enhanced code", verdict.decided_by, False, f"{codes.enhanced} says nothing but its class")
    open_ = verdict.permanence is Permanence.UNDETERMINED
    but = ", but not whether it lasts" if open_ else ""
    sender = ", which is the sender's fault" if verdict.attribution is Attribution.SENDER else ""
    return Step("enhanced code", verdict.decided_by, True, f"{codes.enhanced} is listed{sender}{but}")


def _general(codes: Reply) -> Iterator[Step]:
    subject = codes.enhanced.rpartition(".")[0] + ".0"
    general = INDEX["smtp"].get(subject) if codes.enhanced and subject != codes.enhanced else None
    if general and not general.suppresses and general.reason is not Reason.UNKNOWN:
        yield Step("subject", general.decided_by, True, f"{subject} is the general code of {codes.enhanced}")
    basic = INDEX["basic"].get(codes.basic)
    yield known_step(
        "basic code", basic, f"{codes.basic} is listed", f"no table lists {codes.basic or 'it: there is none'}"
    )
    known = INDEX["smtp"].get(f"{(codes.enhanced or codes.basic)[:1]}.*.*")
    yield known_step("class", known, "only the class is left", "there is no code at all")


def _sms(namespace: str, code: str, text: str) -> Iterator[Step]:
    said = without_message(text)
    yield from table_steps(namespace, given_code(code, said))
    yield from wording_steps("wording", WORDING, split_words(said), frozenset())
    state = by_state(code, said)
    yield known_step(
        "state word", state, "the state is a word of SMPP", "no state word stands alone, in code or receipt"
    )
