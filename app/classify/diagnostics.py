"""Judges what a receiving mail system answered.

First hit wins: the receiver's own rows, the wording, the enhanced code, vague wording, the basic code, the class.
"""

import functools
import re

from app.classify.codes import INDEX, LONGEST_CODE
from app.classify.phrases import PhraseBook, Words, split_words, without_hosts
from app.classify.receivers import receiver_verdict, recognise
from app.classify.smtp import Reply, parse_reply
from app.classify.tables import LONGEST_TEXT, Source, parse_table, read_text
from app.classify.verdict import Verdict, unmapped
from app.vocabulary import Attribution, Confidence, Permanence, Reason

RULES = Source("email_rules", "email", prefixed=False)
PHRASES = Source("email_phrases", "", prefixed=False)
_VAGUE = "late/"
_CACHED = 16_384
"""Diagnostics remembered; a campaign to one receiver repeats the same few."""

BEFORE_THE_RECIPIENT = (
    " refused to talk to me ",
    " after initial connection ",
    " after connection ",
    " after mail from ",
    " in reply to mail from ",
    " after helo ",
    " after ehlo ",
    " in reply to helo ",
    " in reply to ehlo ",
    " while performing the helo ",
    " while performing the ehlo ",
)
"""The sending system says that it had not named the recipient yet, so the answer cannot be about the recipient."""

SPEAKS_OF_US = re.compile(
    r" (?:(?<! to )(?<! to the )senders?|absenders?|expediteur|emetteur|mittente|remitente|remetente|afzender|nadawca"
    r"|отправител[ья]|发 件 人|寄 件 人|送 信 元|送 信 者"
    r"|originator|(?:from|reply to) address|from header|in from|in header|message id"
    r"|your (?:domain|servers?|host|ip|network|account|(?:email )?address)"
    r"|you are (?:not a|not allowed|not on|trying to mail|blocked|banned|listed)|you have been"
    r"|of your recipients|too many"
    r"|(?:send|sending|sent) from|from an? (?:account|user|mailbox)|written by|author|user agent|header(?! follows)"
    r"|to send (?:mail|email|messages)|for sending|password|received line"
    r"|(?:unknown|such|invalid|nonexistent|bad) host \d{1,3} \d{1,3} \d{1,3} \d{1,3}"
    r"|harvest(?:ing|er)?|to add you|credentials|certificate|helo|ehlo|url|whitelist|allowed list) "
)
"""The answer names the sender or the message, so what it finds missing or closed may be theirs."""

MAY_PASS = re.compile(
    r" (?:temporar(?:il)?y|(?:try|retry) (?:again )?later|(?<! and )try again|busy|in progress|another process"
    r"|quota|loop|hops|not now|for now|tomorrow|until|another session|at (?:this|the) (?:time|moment)|maintenance"
    r"|being migrated"
    r"|limits?|threshold|exceed(?:s|ed|ing)?"
    r"|(?:backend|directory|database|ldap|directory lookup) (?:is |has )?(?:unavailable|unreachable|down|failed)) "
)
"""The answer names a cause that ends by itself or that somebody is going to mend, whatever its code."""

_NAMES_A_MAILBOX = re.compile(
    r" (?:addr|address(?:es|ee)?|recipients?|users?|mailbox(?:es)?|accounts?|rcpt|alias|username|customer|subscriber) "
)

_SURE = frozenset({"5.1.1", "5.1.3", "5.1.6", "5.1.10"})
"""Codes that are given for a mailbox and for nothing else; the others need a word for it beside a plain refusal."""

_IP_ADDRESS = re.compile(r"(?<!up on )(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
"""Not the one that qmail gave up on, which is the receiver's."""

_OF_ARGUMENTS = frozenset({"501", "502", "504"})
"""Replies about the argument of a command, such as the domain that we greeted with or sent from."""

_HOST_TAKES_NOTHING = "521"
"""A reply about the whole host (RFC 7504); a mailbox's code beside it names no mailbox."""

_CATCH_ALL = frozenset({"5.7.0", "5.7.1"})
"""Codes that are filed under the sender and stand for every refusal; any other code of the sender is meant."""

_ABOUT_THE_DOMAIN = "email_rules:no-mail-domain"


def _books() -> tuple[PhraseBook, PhraseBook]:
    rules = parse_table(RULES, read_text(RULES.table))
    vague = [row for row in rules if row.code.startswith(_VAGUE)]
    clear = [row for row in rules if not row.code.startswith(_VAGUE)]
    text = read_text(PHRASES.table)
    return (
        PhraseBook(clear, PHRASES, text, frozenset(row.code for row in vague)),
        PhraseBook(vague, PHRASES, text, frozenset(row.code for row in clear)),
    )


CLEAR_WORDING, VAGUE_WORDING = _books()


def classify_diagnostic(text: str, *, status: str = "", reply: str = "", receiver: str = "") -> Verdict:
    """The verdict on an SMTP diagnostic in any of the forms that providers hand on.

    ``status`` and ``reply`` are the enhanced and the basic code where the provider gives them in fields of their own;
    ``receiver`` is the receiving host or its known name. Looks at the first ``LONGEST_TEXT`` characters.
    """
    return _judge(text[:LONGEST_TEXT], status.strip()[:16], reply.strip()[:16], receiver[:256])


@functools.lru_cache(maxsize=_CACHED)
def _judge(text: str, status: str, reply: str, host: str) -> Verdict:
    codes = parse_reply(text, status, reply)
    receiver = recognise(split_words(text), host)
    verdict = _decide(text, split_words(without_hosts(text)), codes, receiver)
    given = codes.enhanced or codes.basic
    return Verdict(
        verdict.reason,
        verdict.attribution,
        Permanence.TRANSIENT if codes.temporary else verdict.permanence,
        verdict.confidence,
        f"smtp:{given}" if given else "",
        codes.basic,
        codes.enhanced,
        receiver,
        verdict.decided_by,
    )


def _decide(text: str, words: Words, codes: Reply, receiver: str) -> Verdict:
    verdict = receiver_verdict(receiver, codes, text) if receiver else None
    if verdict is None:
        marks = frozenset({codes.enhanced, codes.basic, (codes.enhanced or codes.basic)[:1]})
        verdict = CLEAR_WORDING.find(words, marks) or _by_codes(codes, VAGUE_WORDING.find(words, marks), words)
    return _unless_about_us(verdict, codes, text, words.joined) if verdict.suppresses else verdict


def _unless_about_us(verdict: Verdict, codes: Reply, text: str, joined: str) -> Verdict:
    """The verdict, unless codes, stage or words show that it is not the recipient's, or not for good."""
    for code in (INDEX["smtp"].get(codes.enhanced), INDEX["basic"].get(codes.basic)):
        if code and code.attribution is Attribution.SENDER and codes.enhanced not in _CATCH_ALL:
            return code
    by_code = verdict.decided_by == f"smtp_enhanced:{codes.enhanced}"
    early = any(mark in joined for mark in BEFORE_THE_RECIPIENT) or (by_code and codes.basic == _HOST_TAKES_NOTHING)
    doubtful = of_our_domain(codes, text) if verdict.decided_by == _ABOUT_THE_DOMAIN else early
    if doubtful:
        return verdict._replace(reason=Reason.CARRIER_REJECTED, attribution=Attribution.SENDER)
    if verdict.reason is Reason.RECIPIENT_OPTED_OUT:
        return verdict
    if SPEAKS_OF_US.search(joined):
        return verdict._replace(reason=Reason.CARRIER_REJECTED, attribution=Attribution.SENDER)
    if MAY_PASS.search(joined):
        return verdict._replace(permanence=Permanence.TRANSIENT)
    return verdict


def of_our_domain(codes: Reply, text: str) -> bool:
    """Whether the domain that an answer finds wrong is more likely ours: it speaks of arguments, or quotes our IP."""
    answer = text.partition(codes.basic)[2] if codes.basic else ""
    return codes.basic in _OF_ARGUMENTS or _IP_ADDRESS.search(answer) is not None


def _by_codes(codes: Reply, vague: Verdict | None, words: Words) -> Verdict:
    """The verdict on the codes; vague wording goes before a code that leaves open what happened or to whom."""
    known = INDEX["smtp"]
    verdict = known.get(codes.enhanced)
    if verdict is None and codes.enhanced.startswith("2."):
        verdict = known["2.1.5"]
    if verdict and verdict.reason is Reason.UNKNOWN:
        verdict = None
    if verdict and vague and verdict.suppresses and codes.enhanced not in _SURE:
        verdict = verdict if _NAMES_A_MAILBOX.search(words.joined) else vague
    if verdict and verdict.permanence is not Permanence.UNDETERMINED:
        return verdict
    default = known.get(f"{(codes.enhanced or codes.basic)[:1]}.*.*")
    return vague or verdict or _by_subject(codes.enhanced) or INDEX["basic"].get(codes.basic) or default or unmapped("")


def _by_subject(enhanced: str) -> Verdict | None:
    """The verdict on an unlisted code from the general code of its subject (5.4.312: 5.4.0), unless that suppresses."""
    general = INDEX["smtp"].get(enhanced.rpartition(".")[0] + ".0")
    if general is None or general.suppresses or general.reason is Reason.UNKNOWN:
        return None
    return general._replace(confidence=Confidence.PROVIDER)


def classify_bounce(bounce_type: str, subtype: str, diagnostic: str) -> Verdict:
    """The verdict on an SES bounce: the receiver's own answer where it is specific, otherwise SES's type and subtype.

    Echoes of a suppression list stay echoes whatever the diagnostic says, for nothing was attempted. A temporary
    answer is never made permanent by SES's word.
    """
    known, kind = INDEX["ses_bounce"], bounce_type.strip()[:LONGEST_CODE]
    given = f"{kind}/{subtype.strip()[:LONGEST_CODE]}"
    word = known.get(given.casefold()) or _unlisted(given.strip("/"), known.get(f"{kind.casefold()}/*"))
    if word.reason in {Reason.RECIPIENT_SUPPRESSED, Reason.RECIPIENT_OPTED_OUT, Reason.NOT_FAILURE}:
        return word
    said = classify_diagnostic(diagnostic)
    if _specific(said) or (word.suppresses and said.permanence is Permanence.TRANSIENT):
        return said
    return word._replace(smtp_reply=said.smtp_reply, smtp_enhanced=said.smtp_enhanced, receiver=said.receiver)


def _unlisted(bounce: str, default: Verdict | None) -> Verdict:
    """The verdict on a type alone, or on one whose subtype no row has: it is shown, so that somebody may add one."""
    shown = f"ses_bounce:{bounce}" if bounce else ""
    if default is None:
        return unmapped(shown)
    return default._replace(code=shown) if "/" in bounce else default


def _specific(verdict: Verdict) -> bool:
    """Whether a diagnostic says more than that something was refused."""
    named = verdict.confidence in {Confidence.CODE, Confidence.TEXT} and verdict.reason is not Reason.UNKNOWN
    return named and not verdict.decided_by.startswith(f"{RULES.table}:{_VAGUE}")
