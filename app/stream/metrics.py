"""Counters of the worker. They count what this process did, aborted transactions included: exact figures are rows."""

from prometheus_client import Counter

IGNORED = Counter(
    "undelivered_events_ignored_total",
    "Documented events that are neither failure nor confirmation",
    ["provider", "event"],
)
DEAD_LETTERS = Counter("undelivered_dead_letters_total", "Records and rows put aside", ["agent", "source"])
RECORDS_FAILED = Counter(
    "undelivered_records_failed_total", "Records on which the processing itself failed", ["agent", "topic", "error"]
)
ROWS_FAILED = Counter(
    "undelivered_rows_failed_total", "Rows on which what was due by the clock failed", ["agent", "table", "error"]
)
GAPS = Counter(
    "undelivered_offset_gaps_total", "Times a committed offset was not in its topic any more", ["agent", "topic"]
)
UNLISTED = Counter(
    "undelivered_unlisted_codes_total",
    "Failures whose code no table lists, or that have no code and words that no table knows",
    ["provider", "channel"],
)
FORWARDED = Counter(
    "undelivered_records_forwarded_total", "Records that came to another partition than their key's", ["topic"]
)
APPLIED = Counter("undelivered_events_applied_total", "Events with something out of the ordinary", ["agent", "what"])
