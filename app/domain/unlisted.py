"""Failures whose code, or wording, no table lists: which they are, what is shown of them, and how to list them."""

import csv
import io
import shlex

from app.classify.listed import is_listed
from app.domain.alert_records import Subject
from app.events import DeliveryFailed
from app.providers.redaction import code_of
from app.vocabulary import Confidence

MOST_SAMPLES = 3
LONGEST_SAMPLE = 120

_FALLBACK = (Confidence.PROVIDER, Confidence.UNMAPPED)


def unlisted_code(event: DeliveryFailed) -> str | None:
    """Return the code that an operator may want to list; empty: a text without code that no wording fits.

    None: it is listed, its text was understood, or the provider said nothing at all.
    """
    if event["confidence"] not in _FALLBACK:
        return None
    if event["code"]:
        return None if is_listed(event["code"]) else _without_address(event["code"])
    return "" if event["diagnostic"] and event["confidence"] == Confidence.UNMAPPED else None


def sample_of(event: DeliveryFailed) -> str:
    """Return the start of the provider's text; `diagnostic` has no addresses."""
    return event["diagnostic"][:LONGEST_SAMPLE]


def listing_words(place: Subject, code: str) -> dict[str, str]:
    """Return what the advice about an unlisted code says: the overlay's line, and the command that tries it.

    Both are quoted for where they go: the code is what somebody else has sent.
    """
    kind, match = ("code", code) if code else (place.channel, "PHRASE")
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(
        [place.tenant, kind, match, "", "REASON", "ATTRIBUTION", "PERMANENCE", "NOTE"]
    )
    given = ["--code", code] if code else ["--text", "TEXT"]
    command = ["undelivered", "classify", "--channel", place.channel, *given, "--tenant", place.tenant]
    return {"line": line.getvalue(), "command": shlex.join([*command, "--overlay", "FILE", "--explain"])}


def _without_address(shown: str) -> str:
    # the namespace apart, or a code of seven digits would not be taken for one
    namespace, colon, code = shown.partition(":")
    return f"{namespace}{colon}{code_of(code)}"
