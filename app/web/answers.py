"""Answers of the web views: JSON, never cached, and the same shape for every refusal: ``{"error": "…"}``."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from app.errors import BadInputError

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


def answer(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return JSON."""
    return web.Response(
        body=orjson.dumps(content),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={**_HEADERS, **(headers or {})},
    )


@web.middleware
async def refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals, bad input and unknown routes into JSON."""
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
