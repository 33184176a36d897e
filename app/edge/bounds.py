"""The bounds themselves, and the one check that is about a Kafka record and not about its value."""

from app.errors import BadInputError

CONTROL = r"\x00-\x1f\x7f-\x9f"
"""Control characters, as the inside of a character class; one of them separates account and message in a row's key."""

LONGEST_ID = 256
"""Characters of an id, whoever gave it out."""
LONGEST_ADDRESS = 320
"""Characters of a recipient: an e-mail address has 318 at most."""
LONGEST_NAME = 128
"""Characters of the name of somebody who asks."""
LONGEST_CODE = 160
"""Characters of a code with its namespace: SES's type and subtype have 64 each."""
LONGEST_WORD = 64
LONGEST_NOTE = 2_000
LONGEST_DIAGNOSTIC = 512

LATEST = 10**17
"""Microseconds, the year 5138: headers date a webhook in at most 17 digits."""
LATEST_DERIVED = LATEST + 86_400_000_000
"""What agents date themselves lies behind what they read: an outage by two minutes."""
LATEST_END = 2 * LATEST
"""A suppression may end after the latest moment."""

MOST_MICROS = 10**15
"""One amount of money, in millionths of a unit."""
MOST_SUM_MICROS = 10**18
"""The sums of an account, a ninth of what 64 bits hold."""
MOST_COUNT = 10**6
"""Reports in one increment: more than a batch holds."""
MOST_PARTITIONS = 10_000
"""Kafka creates no topic with more."""

MOST_SAMPLES = 3
LONGEST_SAMPLE = 120
MOST_PERIODS = 32

MOMENTS = range(LATEST + 1)

_MILLISECOND = 1_000


def receipt(timestamp_ms: int) -> int:
    """Return when a Kafka record was written, in microseconds; producers set its timestamp as they like.

    Raises BadInputError.
    """
    micros = timestamp_ms * _MILLISECOND
    if micros not in MOMENTS:
        raise BadInputError("timestamp: a number out of range, expected milliseconds between 1970 and the year 5138")
    return micros
