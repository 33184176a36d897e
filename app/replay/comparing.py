"""The whole comparison: passes over the topics, one after the other, and what comes of them."""

from typing import NamedTuple

from app.classify import MAPPING_VERSION
from app.classify.overlay import Overlay
from app.domain.outages import Outages
from app.domain.policy import Policy
from app.events import DeliveryFailed, Micros
from app.replay.difference import Change, Terms
from app.replay.parcels import Parcel, parcels
from app.replay.passes import Folding, Recording, Rejudging, Rows
from app.replay.reading import Reader
from app.replay.rejudging import Rejudged
from app.replay.snapshot import only, take_snapshot
from app.settings import Settings
from app.stream.health import ProviderHealthReader
from app.stream.worker import connection
from app.topics import Topic


class Question(NamedTuple):
    """What is asked."""

    overlay: Overlay
    policy: Policy
    tenant: str
    """Empty: all of them."""
    since: Micros
    """Webhooks stored before keep their judgement; 0: none does."""
    requested_by: str
    """Who answers for the requests; empty: the replay with its mapping."""
    now: Micros


class Answer(NamedTuple):
    """What the present mapping would change."""

    mapping_version: str
    rejudged: Rejudged
    gone: int
    """Recorded failures that were not judged anew: their webhooks are deleted, or older than asked about."""
    changes: list[Change]
    parcels: list[Parcel]
    """Without what is about channels that are kept as they are."""


async def compare(reader: Reader, settings: Settings, question: Question) -> Answer:
    """Judge anew and compare; writes nothing."""
    partitions = settings.partitions
    snapshot = await take_snapshot(reader, settings, question.since)
    health = ProviderHealthReader(connection(settings))
    await reader.read("outages", snapshot.health, lambda record: health.take(record.value))
    failures = only(snapshot.events, Topic.DELIVERY_FAILED)
    recording = Recording(failures, question.tenant)
    await reader.read("failures", failures, recording.take)
    rejudging = Rejudging(recording, question.overlay, question.tenant, partitions)
    await reader.read("webhooks", snapshot.webhooks, rejudging.take)
    rejudged = rejudging.rejudged
    rows = Rows(rejudged.keys)
    folding = Folding(recording.recorded, rejudged, rows.found, snapshot.applied, _terms(question, health), partitions)
    if rejudged.keys:
        await reader.read("recipients", snapshot.rows, rows.take)
        await reader.read("their events", snapshot.events, folding.take)
        folding.take_new()
    changes = [change for _, case in sorted(folding.cases.items()) for change in case.changes()]
    written = list(parcels(folding.corrections, changes))
    return Answer(_version(question), rejudged, recording.recorded.left, changes, written)


def _version(question: Question) -> str:
    return MAPPING_VERSION + question.overlay.version


def _terms(question: Question, health: ProviderHealthReader) -> Terms:
    def outages_of(event: DeliveryFailed) -> Outages:
        return health.outages(event["tenant"], event["provider"], event["channel"])

    version = _version(question)
    by = question.requested_by or f"replay:{version}"
    return Terms(question.policy, outages_of, question.now, version, by)
