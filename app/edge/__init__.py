"""What may come in: the bounds of every record that an agent reads, whoever wrote it.

Rows, keys and records stay small and sums stay whole numbers of 64 bits because nothing beyond these bounds gets
past here. It is asked for every record, so the tables are made to loops in C: a failure takes a sixth of its decoding.
"""

from app.edge.bounds import (
    CONTROL,
    LONGEST_ADDRESS,
    LONGEST_ID,
    MOST_MICROS,
    MOST_SUM_MICROS,
    receipt,
)
from app.edge.records import check

__all__ = ["CONTROL", "LONGEST_ADDRESS", "LONGEST_ID", "MOST_MICROS", "MOST_SUM_MICROS", "check", "receipt"]
