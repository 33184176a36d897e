"""Answers, and their bytes."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

import orjson


class Answer(NamedTuple):
    """What a request gets."""

    status: int
    body: bytes = b"{}"
    content_type: str = "application/json"
    retry_after_s: int = 0
    """0: nothing is said of it."""
    more: str = ""
    """One more header, whole."""


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def refusal(status: int, cause: str, retry_after_s: int = 0, more: str = "") -> Answer:
    """Return the answer to a request that gets nothing else."""
    return Answer(status, orjson.dumps({"error": cause}), retry_after_s=retry_after_s, more=more)


def encode(answer: Answer, *, keep_alive: bool, head_only: bool = False) -> bytes:
    """Return an answer's bytes; which software sends it stays untold."""
    without_body = Answer(answer.status, b"", answer.content_type, answer.retry_after_s, answer.more)
    head = _head(without_body, len(answer.body), keep_alive)
    return b"%s%s\r\n\r\n%s" % (head, _date(int(time.time())), b"" if head_only else answer.body)


@lru_cache(maxsize=256)
def _head(answer: Answer, length: int, keep_alive: bool) -> bytes:  # noqa: FBT001 - a key of the cache
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {length}",
        "X-Content-Type-Options: nosniff",  # what is sent back may be a stranger's
    ]
    if answer.retry_after_s:
        lines.append(f"Retry-After: {answer.retry_after_s}")
    if answer.more:
        lines.append(answer.more)
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\nDate: ").encode("ascii")


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
