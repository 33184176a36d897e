"""Any worker answers for any key: a request goes on to the worker that holds the key's partition."""

from collections.abc import Callable
from itertools import chain
from typing import Any, cast

from aiohttp import ClientError, ClientTimeout, web
from yarl import URL

from app.faust_batches import BatchApp
from app.faust_batches.batch import Rows
from app.faust_batches.partitioning import partition_of
from app.web.answers import NotNow

_FORWARDED = "X-Undelivered-Forwarded"
"""On a request that a worker passed on. It is not passed on again: two workers in the middle of a rebalance may each
hold the other for the owner."""
_FORWARD_TIMEOUT = ClientTimeout(total=5)
_KEPT = ("Content-Type", "Cache-Control", "X-Content-Type-Options", "Retry-After", "WWW-Authenticate")
"""Headers of a forwarded answer that are passed back."""


def is_recovered(app: BatchApp) -> bool:
    """Tell whether the tables of this worker hold what was committed."""
    # not in Faust's interface of the table manager
    return bool(cast("Any", app.tables).recovery.completed.is_set())


class TableRouter:
    """Finds rows by key, here or on another worker."""

    def __init__(self, app: BatchApp, partitions: int) -> None:
        self._app = app
        self._partitions = partitions

    async def route(
        self, request: web.Request, table: str, key: str, from_rows: Callable[[Rows], web.Response]
    ) -> web.Response:
        """Answer from the rows of the partition that holds ``key``, wherever that is.

        Raises NotNow while the partition is between two workers.
        """
        partition = partition_of(key.encode(), self._partitions)
        owner = self._owner(table, partition)
        if owner == str(self._app.conf.canonical_url):
            return from_rows(self._rows(table, partition))
        if owner is None or _FORWARDED in request.headers:
            raise NotNow("table: no worker is known to hold this row now")
        return await self._forward(request, URL(owner))

    def _owner(self, table: str, partition: int) -> str | None:
        """Return the URL of the worker with a partition, as the group's last assignment says."""
        hosts = self._app.router.table_metadata(table)
        return next((host for host, topics in hosts.items() if partition in chain(*topics.values())), None)

    def _rows(self, table: str, partition: int) -> Rows:
        if not is_recovered(self._app):
            raise NotNow("table: its rows are being recovered")
        try:
            return self._app.rows(table, partition)
        except KeyError:
            # or another worker goes by the same URL
            raise NotNow("table: this worker no longer holds the row") from None

    async def _forward(self, request: web.Request, owner: URL) -> web.Response:
        path = owner.raw_path.rstrip("/") + request.rel_url.raw_path
        url = owner.with_path(path, encoded=True).with_query(request.rel_url.query)
        headers = {_FORWARDED: "1", "Authorization": request.headers.get("Authorization", "")}
        try:
            async with self._app.http_client.request(
                request.method, url, headers=headers, timeout=_FORWARD_TIMEOUT, allow_redirects=False
            ) as response:
                kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
                return web.Response(body=await response.read(), status=response.status, headers=kept)
        except (ClientError, TimeoutError):
            raise NotNow("table: the worker that holds this row does not answer") from None
