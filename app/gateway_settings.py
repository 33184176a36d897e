"""The knobs of the HTTP gateway."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.credentials import Group

Port = Annotated[int, Field(ge=0, le=65535)]


class Gateway(Group):
    """The HTTP server that takes the webhooks in."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: Port = Field(8080, description="Port to listen on; 0: any free one, written to the log")
    metrics_host: str = Field("127.0.0.1", description="Address on which metrics are served: they name endpoints")
    metrics_port: Port = Field(8081, description="Port of the metrics; 0: any free one, written to the log")
    # a record may have 1 MiB at most unless the broker is told otherwise; headers and key take their part
    body_limit_bytes: int = Field(262_144, ge=1, le=1_000_000, description="Largest body taken; larger ones get a 413")
    answer_timeout_s: float = Field(
        4, gt=0, lt=4.8, description="Longest time to an answer; treble gives up after 5 s; too late becomes a 503"
    )
    header_timeout_s: float = Field(10, gt=0, description="Longest time for the headers of a request to arrive")
    idle_timeout_s: float = Field(75, gt=0, description="How long a connection without requests stays open")
    connections: int = Field(
        10_000, ge=1, description="Most connections of a process; the oldest idle one makes room for a new one"
    )
    connections_per_address: int = Field(500, ge=1, description="Most connections of one address that is no proxy")
    bytes_in_flight: int = Field(
        67_108_864,
        ge=1_000_000,
        description="Most bytes of bodies without an answer, a quarter of them of one address; beyond them a 503",
    )
    proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks of proxies of one's own, which are believed about clients"
    )
    proxy_headers: Literal["x-forwarded", "forwarded"] = Field(
        "x-forwarded", description="Which headers they set: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239)"
    )
    public_url: str = Field("", description="What stands before /v1 in the URLs given to providers; unset: as called")
    tls_certificate: Path | None = Field(None, description="Certificate chain (PEM); unset: plain HTTP, behind a proxy")
    tls_key: Path | None = Field(None, description="Private key of tls_certificate (PEM)")
    tls_client_ca: Path | None = Field(None, description="CA certificates (PEM) of clients, which then must have one")
    spool_dir: Path | None = Field(
        None, description="Folder in which webhooks wait while no broker takes them; unset: they are answered 503"
    )
    spool_bytes: int = Field(
        1_073_741_824, ge=1_000_000, description="Most bytes in spool_dir of a process; beyond them a 503"
    )

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate, tls_key: expected both or none")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca: expected tls_certificate as well")
        return self
