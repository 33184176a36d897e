"""What a classification says about one failure."""

from typing import NamedTuple

from app.vocabulary import Attribution, Confidence, Permanence, Reason


class Verdict(NamedTuple):
    """A judged failure: the reason and the axes that a policy works on."""

    reason: Reason
    attribution: Attribution
    permanence: Permanence
    confidence: Confidence
    code: str
    """The code that decided or was given, with its namespace (``meta:131026``, ``smtp:5.1.1``); empty without one."""
    smtp_reply: str = ""
    """The three digits of the SMTP reply."""
    smtp_enhanced: str = ""
    receiver: str = ""
    """The receiving mail system, where it was recognised."""
    decided_by: str = ""
    """The row that decided, as ``table:row``."""
    overlay: str = ""
    """Of the operator's overlay that was asked: ``+`` and the start of its digest; empty without one."""

    @property
    def suppresses(self) -> bool:
        """Whether this failure alone is a reason to stop messaging the recipient on the channel."""
        return (
            self.attribution is Attribution.RECIPIENT
            and self.permanence is Permanence.PERMANENT
            and self.reason is not Reason.RECIPIENT_SUPPRESSED
            and self.confidence is not Confidence.UNMAPPED
        )


def unmapped(code: str) -> Verdict:
    """Nothing known matched: recorded, and without any effect on the recipient."""
    return Verdict(Reason.UNKNOWN, Attribution.UNKNOWN, Permanence.UNDETERMINED, Confidence.UNMAPPED, code)
