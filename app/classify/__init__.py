"""Says of any failure what failed, whose fault it is and whether it will heal.

Tables of codes and of wordings are data files in ``data``; the code here reads and matches, and knows no cause itself.
"""

from app.classify.codes import FAMILIES, SOURCES, classify_code
from app.classify.diagnostics import classify_bounce, classify_diagnostic
from app.classify.dispatch import classify, classify_prelude
from app.classify.sms import classify_sms_text
from app.classify.tables import mapping_version
from app.classify.verdict import Verdict

MAPPING_VERSION = mapping_version(
    [
        *(source.table for source in (*SOURCES, FAMILIES)),
        "email_phrases",
        "email_rules",
        "receivers",
        "sms_phrases",
        "sms_rules",
    ]
)
"""Travels with every record, so that a reader can tell which rules judged it."""

__all__ = [
    "MAPPING_VERSION",
    "Verdict",
    "classify",
    "classify_bounce",
    "classify_code",
    "classify_diagnostic",
    "classify_prelude",
    "classify_sms_text",
]
