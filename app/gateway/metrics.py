"""What the gateway counts; every label comes from the configuration or from a fixed list."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

_WEBHOOKS = Counter("undelivered_webhooks", "Requests to webhook URLs", ["provider", "endpoint", "outcome"])
_ANSWERED = Histogram(
    "undelivered_webhook_answer_seconds",
    "From the end of a webhook's headers to its answer",
    ["endpoint"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_CREDENTIALS = Counter(
    "undelivered_credential_uses", "Webhooks by the secret or key that fitted", ["endpoint", "credential"]
)


def _sum(name: str, text: str) -> Gauge:
    """Make a gauge that is added up where several processes serve."""
    return Gauge(name, text, multiprocess_mode="livesum")


BYTES_IN_FLIGHT = _sum("undelivered_gateway_bytes_in_flight", "Bytes of bodies without an answer")
CONNECTIONS = _sum("undelivered_gateway_connections", "Open connections")
SPOOL_DEPTH = _sum("undelivered_spool_records", "Webhooks that wait on this machine's disk for the brokers")
SPOOL_BYTES = _sum("undelivered_spool_bytes", "Bytes of them on the disk")
SPOOL_AGE = Gauge(
    "undelivered_spool_oldest_seconds", "Age of the oldest of them; 0: there is none", multiprocess_mode="livemax"
)
SPOOL_REFUSED = Counter(
    "undelivered_spool_refused", "Webhooks of the spool that the brokers will never take: set aside on the disk"
)
SPOOL_ERRORS = Counter("undelivered_spool_errors", "Webhooks that the spool could not take", ["cause"])


def count(provider: str, endpoint: str, outcome: str) -> None:
    """Count a request by what became of it."""
    _outcome(provider, endpoint, outcome).inc()


def used(endpoint: str, credential: str) -> None:
    """Count a webhook by the secret or key that fitted."""
    _credential(endpoint, credential).inc()


def answered(endpoint: str, seconds: float) -> None:
    """Note how long an answer took."""
    _waits(endpoint).observe(seconds)


# the library looks its children up under a lock, at the cost of an HMAC


@lru_cache(maxsize=4096)
def _outcome(provider: str, endpoint: str, outcome: str) -> Counter:
    return _WEBHOOKS.labels(provider, endpoint, outcome)


@lru_cache(maxsize=4096)
def _credential(endpoint: str, credential: str) -> Counter:
    return _CREDENTIALS.labels(endpoint, credential)


@lru_cache(maxsize=4096)
def _waits(endpoint: str) -> Histogram:
    return _ANSWERED.labels(endpoint)
