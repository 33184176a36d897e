"""Makes the record of an alert for ``delivery.alert``."""

from typing import NamedTuple

from app.domain.advice import Advice
from app.events import DeliveryAlert
from app.identity import event_id
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import AlertState


class Subject(NamedTuple):
    """What an alert is about: a provider on a channel, or an account."""

    tenant: str
    provider: str = ""
    channel: str = ""
    account: str = ""


class Alert(NamedTuple):
    """An alert to be told."""

    kind: str
    state: AlertState
    at: int
    number: int
    """Tells the alerts of one row apart."""
    reason: str = ""
    code: str = ""
    observed: float = 0.0
    threshold: float = 0.0
    samples: tuple[str, ...] = ()
    about: str = ""
    """Tells the alerts of one kind and subject apart."""


def alert_output(alert: Alert, subject: Subject, advice: Advice, **words: str) -> Output:
    """Return an alert's record; ``words`` fill its sentences beside the subject's own."""
    of = subject.account or f"{subject.tenant}/{subject.provider}/{subject.channel}"
    key = f"{alert.kind}/{of}/{alert.about}" if alert.about else f"{alert.kind}/{of}"
    words |= subject._asdict()
    record: DeliveryAlert = {
        "event_id": event_id(Topic.DELIVERY_ALERT, key, alert.state, str(alert.at), str(alert.number)),
        "alert_key": key,
        "tenant": subject.tenant,
        "kind": alert.kind,
        "state": alert.state,
        "summary": advice.summary.format_map(words),
        "action": advice.action.format_map(words),
        "provider": subject.provider,
        "channel": subject.channel,
        "account": subject.account,
        "reason": alert.reason,
        "sample_code": alert.code,
        "observed": alert.observed,
        "threshold": alert.threshold,
        "samples": list(alert.samples),
        "occurred_at": alert.at,
    }
    return Output(Topic.DELIVERY_ALERT, key, record)
