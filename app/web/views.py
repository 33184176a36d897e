"""The web side of a worker: which path shows what, and to whom."""

import logging
import socket
import time
from collections.abc import Callable
from typing import Any, cast

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from yarl import URL

from app.faust_batches import BatchApp
from app.settings import Settings, kafka_security
from app.web.answers import RETRY_AFTER_S, answer, refusals_as_json
from app.web.auth import Gate, closed_except
from app.web.lag import LagReader
from app.web.on_demand import OverviewOnDemand
from app.web.overview import Overview
from app.web.overview_json import overview as overview_json
from app.web.overview_reader import OverviewReader
from app.web.page import PATHS, add_page
from app.web.routing import TableRouter, is_recovered
from app.web.table_views import TableViews

_PROBES = ("/livez", "/readyz", "/metrics")
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on

_UNWATCHED_S = 60.0
"""The page asks every 5 seconds while it can be seen."""
_RETRY_S = 10.0

_log = logging.getLogger(__name__)


def faust_settings(settings: Settings) -> dict[str, Any]:
    """Return Faust's settings for the web; of its own views, which ask nobody for a token, only ``/`` is left.

    A page of ours stands in front of that one. A port of 0 becomes a free one here, because the other workers must
    know it.
    """
    port = settings.web_port or _free_port(settings.web_host)
    return {
        "web_enabled": True,
        "web_bind": settings.web_host,
        "web_port": port,
        "canonical_url": settings.web_public_url or _url(settings.web_host, port),
        "web_application_options": {"middlewares": middlewares(settings)},
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "web_stats_enabled": False,
        "web_graph_enabled": False,
        "web_metrics_enabled": False,
    }


def middlewares(settings: Settings) -> list[Any]:
    """Return what every request goes through, outermost first."""
    return [refusals_as_json, closed_except({*PATHS, *_PROBES}, Gate(settings.tokens))]


def register(app: BatchApp, settings: Settings) -> None:
    """Add the views to an application, and the reader behind the overview, which works only while somebody looks."""
    if not settings.tokens:
        _log.warning("no tokens are configured: nobody gets in")
    connection = {"bootstrap_servers": settings.bootstrap_servers, **kafka_security(settings)}

    async def follow(overview: Overview) -> None:
        agents = {name: tuple(map(str, agent.channel.topics)) for name, agent in app.agents.items()}
        lag = LagReader(connection, app.conf.id, agents, settings.partitions)
        await OverviewReader(connection, settings.partitions, lag).follow(overview)

    reader = OverviewOnDemand(follow, unwatched_s=_UNWATCHED_S, retry_s=_RETRY_S)
    web_app: web.Application = cast("Any", app.web).web_app
    web_app.on_cleanup.append(reader.close)
    router = web_app.router
    gate = Gate(settings.tokens)
    add_page(router)
    _add_probes(router, app)
    add_overview(router, reader.read, gate)
    TableViews(TableRouter(app, settings.partitions), gate).add_to(router)


def add_overview(router: web.UrlDispatcher, read: Callable[[], Overview], gate: Gate) -> None:
    """Add the view that feeds the page; ``read`` is asked once a caller is known."""

    async def show(request: web.Request) -> web.Response:
        caller = gate.caller_of(request)
        return answer(overview_json(read(), caller.tenant, time.time_ns() // 1000))

    router.add_get("/v1/overview", show)


def _add_probes(router: web.UrlDispatcher, app: BatchApp) -> None:
    async def live(_request: web.Request) -> web.Response:
        return answer({"live": True})

    async def ready(_request: web.Request) -> web.Response:
        if is_recovered(app):
            return answer({"ready": True, "missing": []})
        missing = ["tables: not recovered since the last assignment of partitions"]
        return answer({"ready": False, "missing": missing}, 503, {"Retry-After": str(RETRY_AFTER_S)})

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    for path, handler in zip(_PROBES, (live, ready, metrics), strict=True):
        router.add_get(path, handler)


def _url(host: str, port: int) -> str:
    return str(URL.build(scheme="http", host=socket.gethostname() if host in _EVERYWHERE else host, port=port))


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        return int(taken.getsockname()[1])
