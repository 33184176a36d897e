"""How much the HTTP side takes upon itself."""

import resource
from typing import NamedTuple

_KEPT_FREE = 256
"""File descriptors for everything else: brokers, spool, logs, and what is accepted in one go before it is counted."""
_LEAST = 16


class Limits(NamedTuple):
    """Bounds of all connections together, and of each."""

    connections: int
    connections_per_address: int
    bytes_in_flight: int
    """Of bodies that are not answered yet."""
    body_bytes: int
    header_timeout_s: float
    """From the first byte of a request, or the connection's start, to the end of its headers."""
    idle_timeout_s: float
    """Between two requests."""
    answer_timeout_s: float
    """From the end of the headers to the answer."""


def room_for(connections: int) -> int:
    """Return how many connections there can be: as configured, or what this process may open at most.

    The soft limit of file descriptors is raised to the hard one for them.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _KEPT_FREE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(_LEAST, min(connections, soft - _KEPT_FREE))
