"""Fetching pinned files: what is checked, and when the network is used."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.broker.artifacts import Artifact, cache_folder, fetch, locked, parse_lock, staged
from app.errors import BrokerError

JAR = b"the jar"
ARCHIVE = b"the archive"


def artifact(name: str, content: bytes, classifier: str = "", packaging: str = "jar") -> Artifact:
    return Artifact(hashlib.sha256(content).hexdigest(), "org.example", name, "1.2", classifier, packaging)


ARTIFACTS = (artifact("one", JAR), artifact("two", ARCHIVE, "all", "tar.gz"))


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and keeps its access log to itself."""

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@dataclass
class Repository:
    """A Maven repository on this machine."""

    folder: Path

    def put(self, what: Artifact, content: bytes) -> None:
        """Publish a file, whether or not it is what the artifact promises."""
        path = self.folder / "org" / "example" / what.name / what.version / what.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Choose a cache folder that does not exist yet, and no Maven settings but those of the test."""
    monkeypatch.setenv("UNDELIVERED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def repository(tmp_path: Path, cache: Path) -> Iterator[Repository]:
    """Serve a repository with both artifacts, configured to stand for Maven Central."""
    folder = tmp_path / "repository"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        cache.with_name("jgo.conf").write_text(f"[repositories]\ncentral = {address}\n")
        repository = Repository(folder)
        repository.put(ARTIFACTS[0], JAR)
        repository.put(ARTIFACTS[1], ARCHIVE)
        yield repository
        server.shutdown()
        thread.join()


@pytest.fixture
def installed(cache: Path) -> Path:
    """Lay out a release as an earlier download left it."""
    folder = cache / "demo-1.2" / "files"
    folder.mkdir(parents=True)
    (folder / ARTIFACTS[0].file_name).write_bytes(JAR)
    (folder / ARTIFACTS[1].file_name).write_bytes(ARCHIVE)
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that opens a socket."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.usefixtures("repository")
def test_the_first_fetch_downloads_all_files_in_their_order(cache: Path) -> None:
    paths = fetch("demo-1.2", ARTIFACTS)

    assert paths == (cache / "demo-1.2/files/one-1.2.jar", cache / "demo-1.2/files/two-1.2-all.tar.gz")
    assert [path.read_bytes() for path in paths] == [JAR, ARCHIVE]
    assert [path.name for path in cache.iterdir()] == ["demo-1.2"]


@pytest.mark.usefixtures("no_network")
def test_a_release_in_the_cache_needs_no_network(installed: Path) -> None:
    assert fetch("demo-1.2", ARTIFACTS) == (installed / "one-1.2.jar", installed / "two-1.2-all.tar.gz")


@pytest.mark.usefixtures("no_network")
def test_the_local_maven_repository_comes_before_the_network(cache: Path) -> None:
    path = cache.with_name("m2") / "org/example/one/1.2/one-1.2.jar"
    path.parent.mkdir(parents=True)
    path.write_bytes(JAR)

    assert fetch("demo-1.2", ARTIFACTS[:1]) == (cache / "demo-1.2/files/one-1.2.jar",)
    assert path.read_bytes() == JAR


def tamper(folder: Path) -> Path:
    path = folder / "one-1.2.jar"
    path.write_bytes(b"another jar")
    return path


def remove(folder: Path) -> Path:
    path = folder / "two-1.2-all.tar.gz"
    path.unlink()
    return path


def add(folder: Path) -> Path:
    path = folder / "zero-1.0.jar"
    path.write_bytes(b"a guest")
    return path


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (tamper, f"has the SHA-256 {hashlib.sha256(b'another jar').hexdigest()}, expected {ARTIFACTS[0].sha256}"),
        (remove, "is missing"),
        (add, "is not in the lock file"),
    ],
)
def test_a_changed_cache_is_refused_and_the_file_named(
    installed: Path, change: Callable[[Path], Path], complaint: str
) -> None:
    path = change(installed)

    with pytest.raises(BrokerError) as caught:
        fetch("demo-1.2", ARTIFACTS)

    assert str(caught.value) == f"{path} {complaint}; delete {installed.parent} to fetch it again"


def test_a_wrong_file_from_the_repository_never_reaches_the_cache(repository: Repository, cache: Path) -> None:
    repository.put(ARTIFACTS[1], b"the wrong archive")

    with pytest.raises(BrokerError, match=r"two-1\.2-all\.tar\.gz has the SHA-256 .*the repository it came from"):
        fetch("demo-1.2", ARTIFACTS)

    assert list(cache.iterdir()) == []
    repository.put(ARTIFACTS[1], ARCHIVE)
    assert len(fetch("demo-1.2", ARTIFACTS)) == 2


@pytest.mark.usefixtures("repository")
def test_a_file_that_no_repository_has_is_named(cache: Path) -> None:
    unknown = replace(ARTIFACTS[0], name="unknown")

    with pytest.raises(BrokerError, match=r"^cannot download unknown-1\.2\.jar: "):
        fetch("demo-1.2", [*ARTIFACTS, unknown])

    assert list(cache.iterdir()) == []


def test_without_network_and_cache_the_file_is_named(cache: Path) -> None:
    cache.with_name("jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:1\n")

    with pytest.raises(BrokerError, match=r"^cannot download one-1\.2\.jar: .*refused"):
        fetch("demo-1.2", ARTIFACTS)


@pytest.mark.usefixtures("repository")
def test_what_was_left_of_an_interrupted_download_is_not_used(cache: Path) -> None:
    """A download killed half way leaves its temporary folder, never the release's."""
    half = cache / "demo-1.2.partial-x" / "content" / "files"
    half.mkdir(parents=True)
    (half / "one-1.2.jar").write_bytes(b"the")

    assert [path.read_bytes() for path in fetch("demo-1.2", ARTIFACTS)] == [JAR, ARCHIVE]


def test_of_two_installations_at_once_the_first_one_stays(tmp_path: Path) -> None:
    with staged(tmp_path / "release") as slower:
        (slower / "file").write_text("second")
        with staged(tmp_path / "release") as faster:
            (faster / "file").write_text("first")

    assert [path.name for path in tmp_path.iterdir()] == ["release"]
    assert (tmp_path / "release" / "file").read_text() == "first"


def test_the_cache_of_the_user_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDELIVERED_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    assert cache_folder().name == "undelivered"
    assert cache_folder().is_relative_to(tmp_path)


def test_a_lock_file_names_files_with_and_without_classifier() -> None:
    text = f"# comment\n{'a' * 64}  org.x:core:1.2\n\n{'b' * 64}  org.x:app:3:all:tar.gz\n"

    assert parse_lock(text) == (
        Artifact("a" * 64, "org.x", "core", "1.2", "", "jar"),
        Artifact("b" * 64, "org.x", "app", "3", "all", "tar.gz"),
    )


@pytest.mark.parametrize(
    "line",
    [
        f"{'a' * 63}  org.x:core:1.2",
        f"{'A' * 64}  org.x:core:1.2",
        f"{'a' * 64} org.x:core:1.2",
        f"{'a' * 64}  org.x:core",
        f"{'a' * 64}  org.x:core:1.2:all",
        f"{'a' * 64}  ",
    ],
)
def test_a_broken_line_of_a_lock_file_is_numbered(line: str) -> None:
    with pytest.raises(BrokerError, match="lock file, line 2: expected"):
        parse_lock(f"# comment\n{line}\n")


def test_the_lock_files_of_the_package_pin_one_release_each() -> None:
    kafka = locked("kafka-4.1.2")

    assert {each.version for each in kafka if each.group == "org.apache.kafka"} == {"4.1.2"}
    assert len({each.file_name for each in kafka}) == len(kafka) == 46
    assert [each.file_name for each in locked("registry-3.3.3")] == ["apicurio-registry-app-3.3.3-all.tar.gz"]
