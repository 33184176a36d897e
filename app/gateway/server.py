"""The gateway as a process: sockets, signals, and what is read again on SIGHUP."""

import asyncio
import gc
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

from app.errors import SettingsError, UndeliveredError
from app.gateway.clients import Clients
from app.gateway.door import Door
from app.gateway.draining import Draining
from app.gateway.entrances import Entrances
from app.gateway.http.connections import Connections
from app.gateway.http.limits import Limits, room_for
from app.gateway.metrics import BYTES_IN_FLIGHT, CONNECTIONS
from app.gateway.pages import Metrics, health
from app.gateway.producer import RawProducer, topics_of
from app.gateway.spool import Spool, open_spool
from app.gateway.store import Store
from app.gateway_settings import Gateway
from app.settings import Settings

_BACKLOG = 128
_LOG_EVERY_S = 0.5
_AGAIN_S = 1.0
_COLLECT_AFTER = 50_000
"""Objects, net; the default of 700 would have the collector look at all that is in flight many times a second."""

_log = logging.getLogger(__name__)

Reload = Callable[[], Settings]
"""Reads the settings again; raises SettingsError."""


async def run_gateway(settings: Settings, reload: Reload | None = None, *, slot: int = 1, shared: bool = False) -> None:
    """Serve until SIGTERM, SIGINT or cancellation; then requests in flight are answered and records flushed.

    It listens at once, whether brokers are there or not. SIGHUP has ``reload`` read endpoints, secrets and proxies
    anew; what cannot be read leaves the old ones in force. ``slot`` is this process's number among those that share the
    ports (``shared``) and the spool's folder. To be run in the main thread, because of the signals. Raises
    SettingsError if it cannot listen, StoreError if the spool cannot be opened.
    """
    stop = asyncio.Event()
    producer = RawProducer(settings)
    async with AsyncExitStack() as stack:
        spool = await _spool(settings.gateway, slot, stack)
        store = Store(producer, spool, settings.gateway.body_limit_bytes)
        door = Door(store, health(store.obstacle, reasons=False), settings.gateway.body_limit_bytes)
        _configure(door, producer, settings)
        running = [asyncio.create_task(producer.run())]
        if spool is not None and settings.gateway.spool_dir is not None:
            draining = Draining(producer)
            running.append(asyncio.create_task(draining.run(spool, settings.gateway.spool_dir / _slot(slot))))
            if slot == 1:
                running.append(asyncio.create_task(draining.run_left_behind(settings.gateway.spool_dir)))
        for task in running:
            task.add_done_callback(lambda _: stop.set())
        stack.push_async_callback(_end, running)
        with _signals(
            {signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: lambda: _reload(door, producer, reload)}
        ):
            async with _serving(door, settings, shared=shared):
                _freeze_what_stays()
                await stop.wait()
        # the requests in flight are answered; until then they needed the connection
        await store.finish()
        for task in running:
            if task.done():
                task.result()


def _freeze_what_stays() -> None:
    """Keep the garbage collector away from what is loaded: what a request makes is freed by its last reference."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 100)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _configure(door: Door, producer: RawProducer, settings: Settings) -> None:
    producer.topics = topics_of(settings)
    if not settings.endpoints:
        _log.warning("no endpoints are configured: every webhook gets a 401")
    door.entrances = Entrances(settings.endpoints)
    gateway = settings.gateway
    door.clients = Clients(gateway.proxies, gateway.public_url, standard=gateway.proxy_headers == "forwarded")


def _reload(door: Door, producer: RawProducer, reload: Reload | None) -> None:
    if reload is None:
        return
    try:
        _configure(door, producer, reload())
    except UndeliveredError as error:
        _log.error("the settings stay as they were: %s", error)
    else:
        _log.info("endpoints, secrets and proxies are read again")


async def _spool(limits: Gateway, slot: int, stack: AsyncExitStack) -> Spool | None:
    if limits.spool_dir is None:
        return None
    spool = await open_spool(limits.spool_dir / _slot(slot), limits.spool_bytes)
    stack.push_async_callback(spool.close)
    if spool.depth:
        _log.warning("%d webhooks of an earlier time lie in the spool", spool.depth)
    return spool


def _slot(number: int) -> str:
    return f"slot-{number}"


@asynccontextmanager
async def _serving(door: Door, settings: Settings, *, shared: bool) -> AsyncIterator[None]:
    """Take requests for the length of the block; at its end those in flight are answered."""
    limits = settings.gateway
    connections = Connections(door, _limits(limits), door.is_proxy, _tls(limits))
    few = Connections(
        Metrics(health(door.store.obstacle, reasons=True)), _limits(limits)._replace(connections=100), lambda _: True
    )
    public = await _listen(connections, "", limits.host, limits.port, shared=shared)
    try:
        private = await _listen(few, "metrics_", limits.metrics_host, limits.metrics_port, shared=shared)
    except BaseException:
        public.close()
        raise
    reports = partial(_report, door, connections)
    background = [asyncio.create_task(_always(each)) for each in (connections.sweep, few.sweep, reports)]
    try:
        yield
    finally:
        public.close()
        await connections.stop(limits.answer_timeout_s + 1)
        private.close()
        await few.stop(1)
        for task in background:
            task.cancel()


def _limits(gateway: Gateway) -> Limits:
    return Limits(
        connections=room_for(gateway.connections),
        connections_per_address=gateway.connections_per_address,
        bytes_in_flight=gateway.bytes_in_flight,
        body_bytes=gateway.body_limit_bytes,
        header_timeout_s=gateway.header_timeout_s,
        idle_timeout_s=gateway.idle_timeout_s,
        answer_timeout_s=gateway.answer_timeout_s,
    )


async def _listen(connections: Connections, prefix: str, host: str, port: int, *, shared: bool) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(connections.new, host, port, backlog=_BACKLOG, reuse_port=shared)
    except OSError as error:
        keys = f"gateway.{prefix}host, gateway.{prefix}port"
        raise SettingsError(f"{keys}: cannot listen on {host}:{port}: {error.strerror}") from error
    names = (each.getsockname() for each in server.sockets)
    addresses = ", ".join(f"{name[0]}:{name[1]}" for name in names)
    _log.info("%s on %s", "metrics" if prefix else "listening", addresses)
    return server


def _tls(gateway: Gateway) -> ssl.SSLContext | None:
    if gateway.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(gateway.tls_certificate, gateway.tls_key)
        if gateway.tls_client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(gateway.tls_client_ca)
    except OSError:  # ssl.SSLError is one of them
        raise SettingsError(
            "gateway.tls_certificate, tls_key, tls_client_ca: expected readable PEM files that belong together"
        ) from None
    return context


async def _always(work: Callable[[], Awaitable[None]]) -> None:
    """Begin it again if it fails: without it nothing would ever end."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - whatever it is
            _log.exception("a task of the gateway failed and begins again")
            await asyncio.sleep(_AGAIN_S)


async def _report(door: Door, connections: Connections) -> None:
    while True:
        await asyncio.sleep(_LOG_EVERY_S)
        door.refusals.tell_due(connections.now())
        CONNECTIONS.set(len(connections))
        BYTES_IN_FLIGHT.set(connections.bytes_in_flight)


@contextmanager
def _signals(handlers: dict[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for each, handler in handlers.items():
        loop.add_signal_handler(each, handler)
    try:
        yield
    finally:
        for each in handlers:
            loop.remove_signal_handler(each)
