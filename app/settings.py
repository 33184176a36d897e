"""Every knob of the product: environment variables first, then one TOML file, then the defaults here."""

import os
import re
import ssl
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariableError

from app.credentials import Credential, Group
from app.endpoints import Endpoint
from app.errors import SettingsError
from app.gateway_settings import Gateway, Port
from app.raw_records import TENANT_PATTERN

CONFIG_VARIABLE = "UNDELIVERED_CONFIG"
DEFAULT_FILE = Path("undelivered.toml")


class Token(Group):
    """A bearer token for the table views."""

    token: Credential = Field(description="The bearer token; a text, or a table as for an endpoint's secrets")
    tenant: str = Field(pattern=rf"^(\*|{TENANT_PATTERN})$", description="Tenant whose rows it shows; *: all")


class Settings(BaseSettings):
    """The configuration of one process; see `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="UNDELIVERED_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    bootstrap_servers: str = Field("127.0.0.1:9092", min_length=1, description="Kafka brokers, host:port,host:port")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="How to log in, with a SASL_ protocol"
    )
    sasl_username: str = Field("", description="Login name at the brokers, with a SASL_ protocol")
    sasl_password: SecretStr = Field(SecretStr(""), description="Password at the brokers, with a SASL_ protocol")
    ssl_cafile: Path | None = Field(None, description="CA certificates of the brokers (PEM); unset: the system's")

    application: str = Field(
        "undelivered",
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Consumer group, and start of the names of transactional ids and changelogs",
    )
    application_version: int = Field(1, ge=1, description="Raise it to process everything anew under a new group")
    partitions: int = Field(8, ge=1, description="Partitions of every topic; also the most workers that have work")
    replication: int = Field(1, ge=1, description="Copies of every partition; 3 in production")
    min_insync_replicas: int = Field(1, ge=1, description="Copies that must exist before a write counts; 2 of 3")

    store: Literal["memory", "rocksdb"] = Field("memory", description="Where a worker keeps its rows")
    data_dir: Path = Field(Path("var"), description="Folder of the rows on disk")
    round_max_records: int = Field(8000, ge=1, description="Most records in one transaction")
    commit_interval_ms: int = Field(
        20,
        ge=0,
        le=1000,
        description="Least time from one commit to the next; lower: less latency, more work for worker and brokers",
    )
    retry_timeout_s: float = Field(
        120, gt=0, description="How long errors of the brokers that may pass are retried before a worker ends"
    )
    lost_offsets: Literal["stop", "beginning", "end"] = Field(
        "stop",
        description="What to do when the group's committed offsets are gone while its rows are there: stop with an "
        "error, read the topics again from their beginning, or go on with what comes from now on",
    )
    session_timeout_s: float = Field(10, gt=0, description="Silence after which a worker counts as dead")
    transaction_timeout_s: float = Field(60, gt=0, description="Age at which brokers abort a transaction")
    rebalance_timeout_s: float = Field(60, gt=0, description="Time the workers have to take over partitions")

    web_host: str = Field("127.0.0.1", description="Address on which a worker's table views listen")
    web_port: Port = Field(6066, description="Port of a worker's table views")
    web_public_url: str = Field("", description="Where other workers reach these views; empty: web_host and web_port")
    tokens: tuple[Token, ...] = Field((), description="Bearer tokens for the table views; none: nobody gets in")

    policy_file: Path | None = Field(None, description="Rules of suppression (TOML); unset: the built-in ones")
    overlay_file: Path | None = Field(None, description="Own codes and wordings (CSV); unset: the tables alone")
    parked_wait_s: float = Field(900, ge=0, description="How long a failure waits for the event with its recipient")
    parked_retention_days: float = Field(
        15, gt=0, description="How long a message's recipient is remembered for late failures"
    )
    # what is due by the clock comes so much later at most where an input is silent, and so much after each start; a
    # worker that takes partitions over is at work on them well within it, unless its rows take longer to read
    quiet_s: float = Field(
        60, ge=0, description="Silence after which an input counts as read to its end; raise it for a replay"
    )

    gateway: Gateway = Field(default_factory=Gateway, description="The HTTP server that takes the webhooks in")
    endpoints: dict[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,63}$")], Endpoint] = Field(
        default_factory=dict, description="Webhook URLs by name"
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.min_insync_replicas > self.replication:
            raise ValueError("min_insync_replicas: expected at most replication")
        if self.security_protocol.startswith("SASL_"):
            for key in ("sasl_username", "sasl_password"):
                if not getattr(self, key):
                    raise ValueError(f"{key}: expected a value, since security_protocol is {self.security_protocol}")
        if _repeated(each.token.text for each in self.tokens):
            raise ValueError("tokens: expected each token once")
        in_urls = (each for each in self.endpoints.values() if each.secret_in_url)
        if _repeated((each.provider, secret.text) for each in in_urls for secret in each.secrets):
            raise ValueError("endpoints: expected each secret of a provider's URLs once")
        return self


class Knob(NamedTuple):
    """One setting, for people."""

    name: str
    """As in the TOML file, `gateway.port`; `<name>` and `[]` stand for as many as wanted."""
    default: str
    description: str


def load_settings(path: Path | None) -> Settings:
    """Read the configuration of this process.

    The file is `path`, else what UNDELIVERED_CONFIG names, else `undelivered.toml` in the working folder, the only one
    that may be missing. A variable is named UNDELIVERED_<KEY>, with `__` for a dot: UNDELIVERED_GATEWAY__PORT; lists
    and tables are JSON there. Raises SettingsError, which holds no values.
    """
    chosen = path or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    # raised outside the except blocks: the causes hold the values
    try:
        values = _merged(_read(chosen), EnvSettingsSource(Settings)())
        return Settings(**values)
    except ValidationError as error:
        problems = [_problem(each["loc"], each["msg"]) for each in error.errors(include_url=False, include_input=False)]
    except UnreadableVariableError as error:
        field = re.search(r'field "(\w+)"', str(error))
        problems = [f"UNDELIVERED_{field[1].upper() if field else '*'}: expected JSON"]
    raise SettingsError("; ".join(problems))


def kafka_security(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments of every aiokafka client: how to connect and log in."""
    arguments: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.startswith("SASL_"):
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.sasl_username
        arguments["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    if settings.security_protocol.endswith("SSL"):
        try:
            arguments["ssl_context"] = ssl.create_default_context(cafile=settings.ssl_cafile)
        except OSError:  # ssl.SSLError is one of them
            raise SettingsError("ssl_cafile: expected a readable file of PEM certificates") from None
    return arguments


def describe() -> list[Knob]:
    """Return every setting with its default and what it is for, in the order of the model."""
    return list(_knobs(Settings, ""))


def _knobs(model: type[BaseModel], prefix: str) -> Iterator[Knob]:
    parts: dict[str, tuple[str, type[BaseModel]]] = {
        "gateway": ("gateway.", Gateway),
        "endpoints": ("endpoints.<name>.", Endpoint),
        "tokens": ("tokens[].", Token),
    }
    for name, field in model.model_fields.items():
        if model is Settings and name in parts:
            group_prefix, group = parts[name]
            yield from _knobs(group, group_prefix)
        else:
            yield Knob(prefix + name, _shown(field.default), field.description or "")


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None or default == () else str(default)


def _read(path: Path | None) -> dict[str, Any]:
    try:
        with (path or DEFAULT_FILE).open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if path is None:
            return {}
        problem = "no such file"
    except OSError as error:
        problem = error.strerror or "cannot be read"
    except UnicodeDecodeError:
        problem = "expected TOML in UTF-8"
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at .*\)$", str(error))
        problem = f"expected TOML {place[0] if place else ''}".rstrip()
    raise SettingsError(f"configuration file {path or DEFAULT_FILE}: {problem}")


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        present = result.get(key)
        result[key] = _merged(present, value) if isinstance(present, dict) and isinstance(value, dict) else value
    return result


def _repeated(values: Iterable[object]) -> bool:
    return any(count > 1 for count in Counter(values).values())


def _problem(place: tuple[int | str, ...], text: str) -> str:
    key = ".".join(str(part) for part in place)
    text = text.removeprefix("Value error, ")
    return f"{key}: {text}" if key else text
