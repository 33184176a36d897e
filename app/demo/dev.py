"""`undelivered dev`: everything running in one terminal, with the logs of worker and gateway."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import typer

from app.demo.book import ACME
from app.demo.processes import PARTITIONS, Process, Product, cluster_and_folder, prepared
from app.errors import UndeliveredError
from app.stream import cluster_topics
from app.stream.worker import connection, declarations, sizing
from app.vocabulary import Provider

_PARKED_WAIT_S = 60.0
_POLL_S = 0.2

_EXAMPLE = (
    '{"type":"com.interact.messages.sms.status","id":"evt_1","time":"2026-06-25T12:10:47Z",'
    '"data":{"status":"failed","channel":"sms","phone_number":"+447810000001"},"transaction_id":"tid_1"}'
)


class ProcessEndedError(UndeliveredError):
    """Worker or gateway ended by itself."""


def run_dev() -> None:
    """Run until interrupted; raises ProcessEndedError if worker or gateway ends."""
    # a new topic has no leader for a moment, which is nothing to tell
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    typer.echo("starting Apache Kafka, worker and gateway; Ctrl-C stops them")
    with cluster_and_folder() as (cluster, folder), prepared(cluster.bootstrap, folder, _PARKED_WAIT_S) as product:
        settings = product.settings
        asyncio.run(cluster_topics.create(declarations(settings), sizing(settings), connection(settings)))
        product.start()
        typer.echo("\n".join(_instructions(product)))
        _follow_logs((product.gateway, product.worker))


def _instructions(product: Product) -> Iterator[str]:
    addresses, secrets = product.addresses, product.secrets
    yield f"Kafka     {addresses.bootstrap}"
    yield f"gateway   {addresses.gateway}"
    yield f"page      {addresses.web}/"
    yield f"token     {secrets.token}"
    yield ""
    yield "A failed SMS, reported by Webex Interact, and what is known of its recipient then:"
    yield f"  curl {addresses.webhook_url(secrets, ACME, Provider.WEBEX_INTERACT)} -d '{_EXAMPLE}'"
    yield f"  curl -H 'Authorization: Bearer {secrets.token}' {addresses.web}/v1/recipients/{ACME}/+447810000001"
    yield "For other commands in another terminal:"
    yield f"  export UNDELIVERED_BOOTSTRAP_SERVERS={addresses.bootstrap} UNDELIVERED_PARTITIONS={PARTITIONS}"
    yield ""


def _follow_logs(processes: Sequence[Process]) -> None:
    with ExitStack() as stack:
        logs = [(each.name, stack.enter_context(each.log_file.open(errors="replace"))) for each in processes]
        while True:
            ended = [process.name for process in processes if process.has_ended]
            for name, log in logs:
                for line in log:
                    typer.echo(f"{name:8}| {line}", nl=False)
            if ended:
                raise ProcessEndedError(f"{ended[0]} ended by itself; the end of its log stands above")
            time.sleep(_POLL_S)
