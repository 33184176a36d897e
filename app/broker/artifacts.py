"""Files from a Maven repository, each pinned by its SHA-256, in a cache folder of this user."""

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext
from platformdirs import user_cache_path

from app.errors import BrokerError

_LOCK_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<coordinates>[^\s:]+(:[^\s:]+){2}(:[^\s:]+:[^\s:]+)?)")
_PARALLEL_DOWNLOADS = 6
_HTTP_TIMEOUT_S = 30

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository and the SHA-256 it must have."""

    sha256: str
    """Lower-case hex."""
    group: str
    name: str
    version: str
    classifier: str
    """Empty for the main file of a release."""
    packaging: str
    """The suffix of the file, such as `jar` or `tar.gz`."""

    @property
    def file_name(self) -> str:
        """The name of the file in the repository and in the cache."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.packaging}"


def parse_lock(text: str) -> tuple[Artifact, ...]:
    """Read a lock file: `sha256  group:name:version[:classifier:packaging]` a line, `#` starts a comment.

    Raises BrokerError with the number of the broken line.
    """
    artifacts = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LOCK_LINE.fullmatch(line)
        if match is None:
            raise BrokerError(f"lock file, line {number}: expected 'sha256  group:name:version[:classifier:packaging]'")
        group, name, version, *rest = match["coordinates"].split(":")
        classifier, packaging = rest or ("", "jar")
        artifacts.append(Artifact(match["sha256"], group, name, version, classifier, packaging))
    return tuple(artifacts)


def locked(release: str) -> tuple[Artifact, ...]:
    """Return the files of a release that this package pins, such as `kafka-4.1.2`."""
    return parse_lock(files("app.broker").joinpath(f"{release}.lock").read_text(encoding="ascii"))


def cache_folder() -> Path:
    """`$UNDELIVERED_CACHE`, or else `undelivered` in this user's cache folder."""
    chosen = os.environ.get("UNDELIVERED_CACHE")
    return Path(chosen).absolute() if chosen else user_cache_path("undelivered")


def verify(folder: Path, artifacts: Sequence[Artifact]) -> tuple[Path, ...]:
    """Return the paths of the artifacts, in their order, if the folder holds exactly them.

    Raises BrokerError naming the first file that is surplus, missing or altered.
    """
    expected = {artifact.file_name for artifact in artifacts}
    present = {path.name for path in folder.iterdir()}
    cure = f"delete {folder.parent} to fetch it again"
    for name in sorted(present - expected):
        raise BrokerError(f"{folder / name} is not in the lock file; {cure}")
    for name in sorted(expected - present):
        raise BrokerError(f"{folder / name} is missing; {cure}")
    return tuple(_verified(folder / artifact.file_name, artifact, cure) for artifact in artifacts)


def fetch(release: str, artifacts: Sequence[Artifact]) -> tuple[Path, ...]:
    """Return the verified files of a release; only a release that is not there yet is downloaded.

    All files are hashed on every call (45 MB: 0.05 s). An interrupted download leaves nothing that a later call would
    take: files get their place in one rename, after their hashes were checked.
    """
    folder = cache_folder() / release
    if not folder.is_dir():
        with staged(folder) as staging:
            download(artifacts, staging / "files")
    return verify(folder / "files", artifacts)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends well and disappears when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{folder.name}.partial-", dir=folder.parent) as scratch:
        content = Path(scratch, "content")
        content.mkdir()
        yield content
        try:
            content.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster, and its files are as good
                raise


def download(artifacts: Sequence[Artifact], folder: Path) -> None:
    """Fetch the artifacts into a new folder and check their hashes.

    Looks in the local Maven repository first, then in the repositories of jgo's configuration file, where an entry
    named `central` replaces Maven Central. Raises BrokerError naming the file that could not be had.
    """
    _log.info("downloading %d files into %s, once", len(artifacts), cache_folder())
    folder.mkdir()
    settings = GlobalSettings.load()
    with TemporaryDirectory(prefix="maven-", dir=folder.parent) as scratch:
        context = MavenContext(
            repo_cache=Path(scratch),
            local_repos=[settings.repo_cache],
            remote_repos={"central": MAVEN_CENTRAL_URL, **settings.repositories},
            timeout=_HTTP_TIMEOUT_S,
        )
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
            paths = pool.map(lambda artifact: _resolve(context, artifact), artifacts)
            for artifact, path in zip(artifacts, paths, strict=True):
                _verified(path, artifact, "the repository it came from holds another file")
                shutil.copyfile(path, folder / artifact.file_name)


def _resolve(context: MavenContext, artifact: Artifact) -> Path:
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    try:
        return component.artifact(artifact.classifier, artifact.packaging).resolve()
    except (OSError, RuntimeError) as error:  # what requests and jgo raise for "no network" and "not found"
        raise BrokerError(f"cannot download {artifact.file_name}: {error}") from error


def _verified(path: Path, artifact: Artifact, cure: str) -> Path:
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != artifact.sha256:
        raise BrokerError(f"{path} has the SHA-256 {found}, expected {artifact.sha256}; {cure}")
    return path
