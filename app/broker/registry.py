"""Apicurio Registry on this machine: a schema registry that speaks the Confluent API, for tests."""

import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from app.broker.artifacts import cache_folder, download, locked, staged
from app.broker.java import java_command
from app.broker.server import LocalServer, free_ports

_RELEASE = "registry-3.3.3"
_API = "/apis/ccompat/v7"
_HEAP_MB = 256
_ANSWER_TIMEOUT_S = 2


class Registry(LocalServer):
    """A schema registry that keeps its schemas in memory: they are gone after a restart."""

    def __init__(self, folder: Path, home: Path) -> None:
        (self._port,) = free_ports(1)
        super().__init__("schema registry", folder, [self._port])
        self._jar = home / "quarkus-run.jar"

    @property
    def url(self) -> str:
        """The base of the Confluent API: clients append `/subjects` and the like."""
        return f"http://127.0.0.1:{self._port}{_API}"

    def command(self) -> Sequence[str]:
        """Return the command line of the registry."""
        address = ("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self._port}")
        return (*java_command([self._jar], _HEAP_MB), *address, "io.quarkus.bootstrap.runner.QuarkusEntryPoint")

    def is_ready(self) -> bool:
        """Whether the registry answers a question about its subjects."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_TIMEOUT_S)
        try:
            connection.request("GET", f"{_API}/subjects")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):  # not listening yet, or half way up
            return False
        finally:
            connection.close()


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Run a registry for the length of the block. The first use ever downloads it (159 MB)."""
    home = _fetch_registry()
    with TemporaryDirectory(prefix="undelivered-registry-") as folder:
        registry = Registry(Path(folder), home)
        try:
            registry.start()
            yield registry
        finally:
            registry.stop()


def _fetch_registry() -> Path:
    """Return the folder of the unpacked registry; its archive is verified once, before it is unpacked."""
    home = cache_folder() / _RELEASE
    if not home.is_dir():
        (archive,) = locked(_RELEASE)
        with staged(home) as staging:
            files = staging / "files"
            download([archive], files)
            with tarfile.open(files / archive.file_name) as content:
                content.extractall(staging, filter="data")
            shutil.rmtree(files)
    return home
