"""Chooses the classification for a channel and a provider, as the command line asks for it."""

import re

from app.classify.codes import INDEX, ROWS, classify_code, ses_submission, ses_text_alone
from app.classify.diagnostics import classify_bounce, classify_diagnostic
from app.classify.sms import classify_sms_text
from app.classify.verdict import Verdict
from app.vocabulary import Attribution, Confidence, Permanence, Reason

SES_CODE_IN_TEXT = re.compile(r"\(([A-Z][A-Za-z]{4,60})\) when calling|^\s{0,8}([A-Z][A-Za-z]{4,60}):")
META_CODE_IN_TEXT = re.compile(r"\(#?(\d{3,7})\)")
SMTP_CODE = re.compile(r"[245]\d\d|[245]\.\d{1,3}\.\d{1,3}")
BOUNCE_TYPES = frozenset(row.code.partition("/")[0].casefold() for row in ROWS if row.namespace == "ses_bounce")
EXPIRED = "expired"
"""Prelude's status of a message whose time ran out."""
_LONGEST = 256


def _meta_titles() -> dict[str, Verdict]:
    """Verdicts by Meta's titles, for failures that arrive without their number.

    A title that two different failures share is left out, and one that would suppress by its wording alone as well
    (``Message undeliverable`` is what anybody may write), unless it is an opt-out.
    """
    titles: dict[str, set[Verdict]] = {}
    for row in ROWS:
        if row.namespace == "meta" and "-" not in row.code:
            verdict = INDEX["meta"][row.code]._replace(confidence=Confidence.TEXT)
            titles.setdefault(row.title.casefold(), set()).add(verdict)
    single = {title: next(iter(verdicts)) for title, verdicts in titles.items() if len(verdicts) == 1}
    return {
        title: verdict
        for title, verdict in single.items()
        if not verdict.suppresses or verdict.reason is Reason.RECIPIENT_OPTED_OUT
    }


META_TITLES = _meta_titles()


def classify(channel: str, provider: str = "", code: str = "", text: str = "") -> Verdict:
    """The verdict on whatever is known of a failure.

    A code with a namespace of its own (``twilio:30003``) is taken as that; otherwise provider and channel say where a
    code belongs. Prelude's code is a reason or ``status/reason``; an e-mail's code is an SES error, an SES bounce
    ``Type/Subtype`` or an SMTP code, and its text a diagnostic.
    """
    namespace, code = place_of(channel, provider, code)
    match namespace:
        case "prelude":
            return _prelude(code)
        case "meta":
            return classify_meta(code, text)
        case "email" | "smtp":
            return classify_email(code, text)
        case "ses_bounce":
            return _bounce(code, text)
        case "ses" | "treble":
            return classify_code(namespace, code, text)
        case _:
            return classify_sms_text(text, code, namespace)


def place_of(channel: str, provider: str, code: str) -> tuple[str, str]:
    """The namespace that a code belongs to, and the code there; ``email`` where it may be any of an e-mail's."""
    channel, provider = channel.strip().casefold(), provider.strip().casefold()
    namespace, colon, rest = code[:_LONGEST].strip().partition(":")
    namespace = namespace.strip().casefold()
    if colon and namespace in INDEX:
        return namespace, rest
    if provider in {"prelude", "treble"}:
        return provider, code
    if channel in {"whatsapp", "email"}:
        return {"whatsapp": "meta", "email": "email"}[channel], code
    return ("webex_interact" if provider == "webex-interact" else "elfo"), code


def _prelude(code: str) -> Verdict:
    status, slash, reason = code.partition("/")
    return classify_prelude(status, reason) if slash else classify_code("prelude", code)


def classify_prelude(status: str, reason: str) -> Verdict:
    """The verdict on a Prelude failure; where its reason may pass and time ran out, the message has expired.

    Whose fault it was stays with the reason if that knows: an unreachable network is not the recipient's.
    """
    status = status.strip().casefold().removeprefix("status:")
    reason = reason.strip().casefold().removeprefix("reason:")
    if not reason:
        return classify_code("prelude", f"status:{status or 'failed'}")
    cause = classify_code("prelude", f"reason:{reason}")
    if status != EXPIRED or cause.permanence is Permanence.PERMANENT:
        return cause
    expired = classify_code("prelude", f"status:{EXPIRED}")
    known = cause.attribution is not Attribution.UNKNOWN
    return expired._replace(code=cause.code, attribution=cause.attribution if known else expired.attribution)


def _bounce(code: str, text: str) -> Verdict:
    kind, _, subtype = code.partition("/")
    return classify_bounce(kind, subtype, text)


def classify_meta(code: str, text: str) -> Verdict:
    """The verdict on a Meta error number, or on the text of one that came without it."""
    if code.strip():
        return classify_code("meta", code)
    named = META_CODE_IN_TEXT.search(text[:_LONGEST])
    if named and named[1] in INDEX["meta"]:
        return classify_code("meta", named[1])
    return META_TITLES.get(text[:_LONGEST].strip().rstrip(".").casefold()) or classify_code("meta", "")


def classify_email(code: str, text: str) -> Verdict:
    """The verdict on an SES error, an SES bounce ``Type/Subtype`` or an SMTP code, and on the diagnostic with it."""
    code = code.strip()
    if not code:
        return _email_text(text)
    if is_bounce(code):
        return _bounce(code, text)
    if code[0].isdecimal():
        plain = SMTP_CODE.fullmatch(code)
        said = classify_diagnostic(text, status=code, reply=code) if plain else classify_diagnostic(f"{code} {text}")
        return ses_submission(code, text) or said
    verdict = classify_code("ses", code, text)
    if verdict.confidence is not Confidence.UNMAPPED:
        return verdict
    said = _email_text(text)
    return said._replace(code=said.code or verdict.code)


def is_bounce(code: str) -> bool:
    """Whether an e-mail's code is an SES bounce type, alone or with its subtype; no SES error has a slash."""
    return code.casefold() in BOUNCE_TYPES or ("/" in code and not code[0].isdecimal())


def _email_text(text: str) -> Verdict:
    named = SES_CODE_IN_TEXT.search(text[:_LONGEST])
    if named:
        verdict = classify_code("ses", named[1] or named[2], text)
        if verdict.confidence is not Confidence.UNMAPPED:
            return verdict
    return ses_text_alone(text) or classify_diagnostic(text)
