"""Worker and gateway as processes of their own, on free ports, with settings of their own."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.broker import Cluster
from app.broker.server import LocalServer, free_ports
from app.demo.book import ACME, BISTRO, BISTRO_ACCOUNT
from app.settings import Settings
from app.vocabulary import Provider

PARTITIONS = 4
_PREFIX = "UNDELIVERED_"
_PROBE_TIMEOUT_S = 2
_SESSION_TIMEOUT_S = 6
"""How long a killed worker holds up its successor; no broker takes less."""
_QUIET_S = 2.0
"""One worker reads all: what it has not heard of by then is not there."""


class Secrets(NamedTuple):
    """Made anew for each run."""

    token: str
    """For the table views."""
    teekrr: str
    webex: str
    """End of a URL."""
    treble: str
    """End of a URL."""
    prelude: rsa.RSAPrivateKey


class Addresses(NamedTuple):
    """Where the product is reached."""

    bootstrap: str
    gateway: str
    web: str

    def webhook_url(self, secrets: Secrets, tenant: str, provider: Provider) -> str:
        """Return where a tenant's webhooks are posted."""
        in_url = {Provider.WEBEX_INTERACT: secrets.webex, Provider.TREBLE: secrets.treble}
        return f"{self.gateway}/v1/webhooks/{provider}/{in_url.get(provider) or endpoint_name(tenant, provider)}"


class Process(LocalServer):
    """`undelivered worker` or `undelivered gateway`, ready when it says so at /readyz."""

    def __init__(self, command: str, folder: Path, port: int, variables: Mapping[str, str]) -> None:
        super().__init__(command, folder / command, [port])
        self._command = command
        self._port = port
        self._variables = variables

    def command(self) -> Sequence[str]:
        """Return the command line."""
        return (sys.executable, "-m", "app.cli", self._command)

    @property
    def has_ended(self) -> bool:
        """Whether the process was started and has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def launch(self) -> None:
        """Start the process with its own settings and none of this one's."""
        with _environment(self._variables):
            super().launch()

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200  # noqa: PLR2004 - HTTP
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


class Product(NamedTuple):
    """The product, ready to be started."""

    addresses: Addresses
    secrets: Secrets
    settings: Settings
    worker: Process
    gateway: Process

    def start(self) -> None:
        """Start worker and gateway and return when both serve; raises BrokerError with the end of a log otherwise."""
        for process in (self.worker, self.gateway):
            process.launch()
        for process in (self.gateway, self.worker):
            process.wait_until_ready()


def endpoint_name(tenant: str, provider: Provider) -> str:
    """Return an endpoint's name in the settings."""
    return f"{tenant}-{provider}"


@contextmanager
def cluster_and_folder() -> Iterator[tuple[Cluster, Path]]:
    """Run a Kafka broker for the length of a with block, with a folder that goes with it."""
    with TemporaryDirectory(prefix="undelivered-") as folder, Cluster() as cluster:
        yield cluster, Path(folder)


@contextmanager
def prepared(bootstrap: str, folder: Path, parked_wait_s: float) -> Iterator[Product]:
    """Choose ports, secrets and settings; worker and gateway are stopped at the end, started by the caller."""
    web_port, gateway_port = free_ports(2)
    secrets = new_secrets()
    variables = _variables(bootstrap, secrets, web_port, gateway_port, parked_wait_s)
    with _environment(variables):
        settings = Settings()
    addresses = Addresses(bootstrap, f"http://127.0.0.1:{gateway_port}", f"http://127.0.0.1:{web_port}")
    with ExitStack() as stack:
        worker = Process("worker", folder, web_port, variables)
        gateway = Process("gateway", folder, gateway_port, variables)
        stack.callback(worker.wait_until_stopped)
        stack.callback(gateway.wait_until_stopped)
        stack.callback(worker.terminate)
        stack.callback(gateway.terminate)
        yield Product(addresses, secrets, settings, worker, gateway)


def new_secrets() -> Secrets:
    """Make secrets for one run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Secrets(token_urlsafe(24), token_urlsafe(24), token_urlsafe(24), token_urlsafe(24), key)


def _variables(
    bootstrap: str, secrets: Secrets, web_port: int, gateway_port: int, parked_wait_s: float
) -> dict[str, str]:
    pem = secrets.prelude.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    credentials: dict[Provider, dict[str, list[str]]] = {
        Provider.TEEKRR: {"secrets": [secrets.teekrr]},
        Provider.WEBEX_INTERACT: {"secrets": [secrets.webex]},
        Provider.PRELUDE: {"public_keys": [pem]},
        Provider.TREBLE: {"secrets": [secrets.treble]},
    }
    endpoints: dict[str, dict[str, object]] = {
        endpoint_name(ACME, provider): {"tenant": ACME, "provider": provider, **credentials[provider]}
        for provider in Provider
    }
    endpoints[endpoint_name(BISTRO, Provider.TEEKRR)] = {
        "tenant": BISTRO,
        "provider": Provider.TEEKRR,
        "account": BISTRO_ACCOUNT,
        **credentials[Provider.TEEKRR],
    }
    return {
        "UNDELIVERED_BOOTSTRAP_SERVERS": bootstrap,
        "UNDELIVERED_PARTITIONS": str(PARTITIONS),
        "UNDELIVERED_SESSION_TIMEOUT_S": str(_SESSION_TIMEOUT_S),
        "UNDELIVERED_WEB_PORT": str(web_port),
        "UNDELIVERED_GATEWAY__PORT": str(gateway_port),
        "UNDELIVERED_GATEWAY__METRICS_PORT": "0",
        "UNDELIVERED_PARKED_WAIT_S": str(parked_wait_s),
        "UNDELIVERED_QUIET_S": str(_QUIET_S),
        "UNDELIVERED_TOKENS": orjson.dumps([{"token": secrets.token, "tenant": "*"}]).decode(),
        "UNDELIVERED_ENDPOINTS": orjson.dumps(endpoints).decode(),
    }


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these variables of ours and no others for the length of a with block."""
    before = dict(os.environ)
    # the processes run in folders of their own, where this package is found only if it is installed
    ours = {**variables, "PYTHONPATH": str(Path(__file__).parents[2])}
    kept = {name: value for name, value in before.items() if not name.startswith(_PREFIX)}
    try:
        os.environ.clear()
        os.environ.update(kept | ours)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
