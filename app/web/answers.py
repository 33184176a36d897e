"""Answers of the web views: JSON, never cached, and the same shape for every refusal: ``{"error": "…"}``."""

import logging
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from app.errors import BadInputError

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 2
"""A rebalance takes about so long."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Refused(Exception):  # noqa: N818 - an answer, no error of ours
    """A request gets an answer other than 200; the text is for whoever asked."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


class NotNow(Refused):
    """The rows are on their way between workers: the same request will be answered soon."""

    def __init__(self, text: str) -> None:
        super().__init__(503, text, {"Retry-After": str(RETRY_AFTER_S)})


class UnreadableRow(Refused):
    """A stored row is no row of its table; the text says nothing of what it holds."""

    def __init__(self) -> None:
        super().__init__(500, "row: what is stored is not a row of this table; it has to be repaired")


def answer(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON."""
    return web.Response(
        body=orjson.dumps(content),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={**_HEADERS, **(headers or {})},
    )


def answer_from_row(table: str, shown: Callable[[], Mapping[str, Any]]) -> web.Response:
    """Return what a stored row shows.

    Raises UnreadableRow. The contents of the row, which the error's own text may hold, go nowhere.
    """
    try:
        return answer(shown())
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - a row may hold anything
        _log.error("a row of %s cannot be shown: %s", table, place_of(error))
        raise UnreadableRow from None


def place_of(error: BaseException) -> str:
    """Return an error's kind and where it was raised, for a log that may hold no contents."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


@web.middleware
async def refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals, bad input, unknown routes and whatever else a handler raises into JSON."""
    try:
        return await handler(request)
    except Refused as refused:
        return answer({"error": str(refused)}, refused.status, refused.headers)
    except BadInputError as error:
        return answer({"error": str(error)}, 400)
    except web.HTTPNotFound:
        return answer({"error": "path: no such view"}, 404)
    except web.HTTPMethodNotAllowed as refused:
        return answer({"error": "method: expected GET"}, 405, {"Allow": refused.headers["Allow"]})
    except web.HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 - else aiohttp would log its text, which may hold contents
        resource = request.match_info.route.resource
        _log.error("%s: %s", resource.canonical if resource else "?", place_of(error))
        return answer({"error": "worker: it failed to answer; its log says where"}, 500)
