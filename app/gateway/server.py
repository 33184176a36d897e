"""The gateway's HTTP side: who may post what, and which answer says what."""

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from aiohttp.typedefs import LooseHeaders
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

from app.errors import SettingsError, SignatureError
from app.gateway.entrances import Entrance, Entrances
from app.gateway.handshake import is_handshake
from app.gateway.producer import NotStoredError, RawProducer
from app.raw_records import headers, record_key
from app.settings import Settings
from app.vocabulary import Provider

_RETRY_AFTER_S = 5

_WEBHOOKS = Counter("undelivered_webhooks", "Requests to webhook URLs", ["provider", "endpoint", "outcome"])

_log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818 - an answer, no error of ours
    """A request gets an answer other than 2xx."""

    def __init__(self, status: int, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.outcome = outcome


def make_app(settings: Settings, producer: RawProducer) -> web.Application:
    """Return the HTTP application; it neither starts nor stops the producer."""
    app = web.Application(client_max_size=settings.gateway.body_limit_bytes)
    webhooks = _Webhooks(settings, producer)

    async def ready(_request: web.Request) -> web.Response:
        obstacle = await producer.obstacle()
        return _answer(503, {"ready": False, "reason": obstacle}) if obstacle else _answer(200, {"ready": True})

    app.router.add_post("/v1/webhooks/{provider}/{last_part}", webhooks.receive)
    app.router.add_get("/livez", _live)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", _metrics)
    return app


async def run_gateway(settings: Settings) -> None:
    """Serve until SIGTERM, SIGINT or cancellation; then requests in flight are answered and records flushed.

    It listens at once, whether brokers are there or not. To be run in the main thread, because of the signals. Raises
    SettingsError if it cannot listen.
    """
    stop = asyncio.Event()
    producer = RawProducer(settings)
    runner = web.AppRunner(
        make_app(settings, producer),
        # URLs hold secrets
        access_log=None,
        # signatures cover the bytes that were sent
        auto_decompress=False,
        shutdown_timeout=settings.gateway.answer_timeout_s + 1,
    )
    await _listen(runner, settings)
    with _set_by_signals(stop):
        async with asyncio.TaskGroup() as tasks:
            connection = tasks.create_task(producer.run())
            try:
                await stop.wait()
            finally:
                # first the requests in flight, which still need the connection
                await runner.cleanup()
                connection.cancel()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    await runner.setup()
    host, port = settings.gateway.host, settings.gateway.port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(f"gateway.host, gateway.port: cannot listen on {host}:{port}: {error.strerror}") from error
    _log.info("listening on %s", ", ".join(f"{address[0]}:{address[1]}" for address in runner.addresses))
    if not settings.endpoints:
        _log.warning("no endpoints are configured: every webhook gets a 404")


@contextmanager
def _set_by_signals(event: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, event.set)
    try:
        yield
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)


class _Webhooks:
    def __init__(self, settings: Settings, producer: RawProducer) -> None:
        self._limits = settings.gateway
        self._entrances = Entrances(settings.endpoints)
        self._producer = producer

    async def receive(self, request: web.Request) -> web.Response:
        entrance = self._entrances.find(request.match_info["provider"], request.match_info["last_part"])
        if entrance is None:
            return _refusal(None, _Refused(404, "unknown_endpoint", "no such provider and endpoint"))
        deadline = asyncio.get_running_loop().time() + self._limits.answer_timeout_s
        received_at_us = time.time_ns() // 1000
        try:
            body = await self._body(request, deadline)
            _check(entrance, request, body)
            if entrance.endpoint.provider is Provider.WEBEX_INTERACT and is_handshake(body):
                _count(entrance, "handshake")
                return _sent_back(body)
            await self._store(entrance, received_at_us, body, deadline)
        except _Refused as refused:
            return _refusal(entrance, refused)
        _count(entrance, "stored")
        # an empty JSON object suits all of them: Teekrr wants JSON, treble valid JSON, the others the 200 alone
        return _answer(200, {})

    async def _body(self, request: web.Request, deadline: float) -> bytes:
        too_large = _Refused(413, "too_large", f"body of more than {self._limits.body_limit_bytes} bytes")
        if (request.content_length or 0) > self._limits.body_limit_bytes:
            raise too_large
        try:
            async with asyncio.timeout_at(deadline):
                return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None
        except TimeoutError:
            raise _Refused(408, "incomplete", "the body did not arrive in time") from None
        except (ConnectionError, web.RequestPayloadError):
            raise _Refused(400, "incomplete", "the body ended too early or is malformed") from None

    async def _store(self, entrance: Entrance, received_at_us: int, body: bytes, deadline: float) -> None:
        name, endpoint, _ = entrance
        source = f"gateway/{name}"
        pairs = headers(endpoint.tenant, received_at_us, source, verified=endpoint.verify, account=endpoint.account)
        try:
            async with asyncio.timeout_at(deadline):
                await self._producer.store(endpoint.provider, record_key(endpoint.provider, body), body, pairs)
        except TimeoutError:
            raise _Refused(503, "not_stored", "no acknowledgement of the brokers in time") from None
        except NotStoredError as error:
            raise _Refused(503, "not_stored", str(error)) from error


def _check(entrance: Entrance, request: web.Request, body: bytes) -> None:
    try:
        entrance.verify(request.headers, body)
    except SignatureError as error:
        raise _Refused(401, "bad_signature", str(error)) from error


def _refusal(entrance: Entrance | None, refused: _Refused) -> web.Response:
    # a URL that means no endpoint is not shown: it may hold a mistyped or former secret
    _log.warning("refused %d endpoint=%s: %s", refused.status, entrance.name if entrance else "-", refused)
    _count(entrance, refused.outcome)
    # the reason stays here: a stranger learns nothing about secrets and brokers
    extra = {"Retry-After": str(_RETRY_AFTER_S)} if refused.status == 503 else {}  # noqa: PLR2004 - HTTP
    return _answer(refused.status, {"error": refused.outcome}, extra)


def _count(entrance: Entrance | None, outcome: str) -> None:
    provider, name = (entrance.endpoint.provider, entrance.name) if entrance else ("", "")
    _WEBHOOKS.labels(provider, name, outcome).inc()


def _answer(status: int, content: dict[str, object], extra: LooseHeaders = ()) -> web.Response:
    return web.json_response(content, status=status, headers=extra)


def _sent_back(body: bytes) -> web.Response:
    # never as a page: the body is a stranger's
    return web.Response(body=body, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


async def _live(_request: web.Request) -> web.Response:
    return _answer(200, {"live": True})


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
