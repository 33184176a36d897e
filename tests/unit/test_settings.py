import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr, ValidationError

from app.credentials import Credential
from app.endpoints import Endpoint
from app.errors import SettingsError
from app.gateway_settings import Gateway
from app.settings import Settings, Token, describe, kafka_security, load_settings
from app.vocabulary import Provider

SECRET = "hunter2hunter2hunter2"


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty folder without variables of the product, so that only the test's own values count."""
    for name in ("CONFIG", "BOOTSTRAP_SERVERS", "GATEWAY__PORT", "PARTITIONS"):
        monkeypatch.delenv(f"UNDELIVERED_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def written(folder: Path, text: str, name: str = "undelivered.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_without_file_and_variables_the_defaults_hold() -> None:
    settings = load_settings(None)

    assert settings == Settings()
    assert settings.gateway == Gateway(port=8080, body_limit_bytes=262_144, answer_timeout_s=4)
    assert (settings.bootstrap_servers, settings.partitions, settings.store) == ("127.0.0.1:9092", 8, "memory")


def test_a_file_gives_everything(tmp_path: Path) -> None:
    key = pem(rsa.generate_private_key(65537, 2048))
    written(
        tmp_path,
        f"""
        bootstrap_servers = "k1:9092,k2:9092"
        parked_wait_s = 60
        tokens = [{{token = "for-acme", tenant = "acme"}}, {{token = "for-everybody", tenant = "*"}}]
        [gateway]
        port = 0
        [endpoints.shop]
        tenant = "acme"
        provider = "teekrr"
        secrets = ["old secret", "new secret"]
        account = "acme/main"
        [endpoints.codes]
        tenant = "acme"
        provider = "prelude"
        public_keys = ['''{key}''']
        """,
    )

    assert load_settings(None) == Settings(
        bootstrap_servers="k1:9092,k2:9092",
        parked_wait_s=60,
        tokens=(
            Token(token=Credential.of("for-acme"), tenant="acme"),
            Token(token=Credential.of("for-everybody"), tenant="*"),
        ),
        gateway=Gateway(port=0),
        endpoints={
            "shop": Endpoint(
                tenant="acme",
                provider=Provider.TEEKRR,
                secrets=(Credential.of("old secret"), Credential.of("new secret")),
                account="acme/main",
            ),
            "codes": Endpoint(tenant="acme", provider=Provider.PRELUDE, public_keys=(Credential.of(key),)),
        },
    )


def test_a_named_file_wins_over_the_variable_and_that_over_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "partitions = 1")
    by_variable = written(tmp_path, "partitions = 2", "two.toml")
    named = written(tmp_path, "partitions = 3", "three.toml")

    in_folder = load_settings(None).partitions
    monkeypatch.setenv("UNDELIVERED_CONFIG", str(by_variable))

    assert (in_folder, load_settings(None).partitions, load_settings(named).partitions) == (1, 2, 3)


def test_variables_win_over_the_file_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(
        tmp_path,
        """
        partitions = 2
        gateway = {port = 1, body_limit_bytes = 10}
        endpoints.shop = {tenant = "acme", provider = "teekrr", secrets = ["from file"]}
        """,
    )
    monkeypatch.setenv("UNDELIVERED_PARTITIONS", "4")
    monkeypatch.setenv("UNDELIVERED_GATEWAY__PORT", "5")
    monkeypatch.setenv("UNDELIVERED_ENDPOINTS__SHOP__SECRETS", '["from variable"]')
    monkeypatch.setenv("UNDELIVERED_ENDPOINTS__CHATS", '{"tenant": "acme", "provider": "treble", "verify": false}')
    monkeypatch.setenv("UNDELIVERED_CACHE", "another part's variable")

    assert load_settings(None) == Settings(
        partitions=4,
        gateway=Gateway(port=5, body_limit_bytes=10),
        endpoints={
            "shop": Endpoint(tenant="acme", provider=Provider.TEEKRR, secrets=(Credential.of("from variable"),)),
            "chats": Endpoint(tenant="acme", provider=Provider.TREBLE, verify=False),
        },
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("partitions = 'many'", "partitions: Input should be a valid integer"),
        ("partitions = 0", "partitions: Input should be greater than or equal to 1"),
        ("partitons = 3", "partitons: Extra inputs are not permitted"),
        ("commit_interval_ms = 1001", "commit_interval_ms: Input should be less than or equal to 1000"),
        ("commit_interval_ms = -1", "commit_interval_ms: Input should be greater than or equal to 0"),
        ("retry_timeout_s = 0", "retry_timeout_s: Input should be greater than 0"),
        ("round_max_records = 0", "round_max_records: Input should be greater than or equal to 1"),
        ("lost_offsets = 'skip'", "lost_offsets: Input should be 'stop', 'beginning' or 'end'"),
        ("batch_max_records = 2000", "batch_max_records: Extra inputs are not permitted"),
        ("store = 'tape'", "store: Input should be 'memory' or 'rocksdb'"),
        ("gateway.port = 70000", "gateway.port: Input should be less than or equal to 65535"),
        ("gateway.answer_timeout_s = 4.8", "gateway.answer_timeout_s: Input should be less than 4.8"),
        ("gateway.hots = 'x'", "gateway.hots: Extra inputs are not permitted"),
        ("replication = 1\nmin_insync_replicas = 2", "min_insync_replicas: expected at most replication"),
        ("security_protocol = 'SASL_SSL'", "sasl_username: expected a value, since security_protocol is SASL_SSL"),
        (
            f"security_protocol = 'SASL_SSL'\nsasl_username = '{SECRET}'",
            "sasl_password: expected a value, since security_protocol is SASL_SSL",
        ),
        (f"sasl_password = ['{SECRET}']", "sasl_password: Input should be a valid string"),
        (f"tokens = [{{token = '{SECRET}', tenant = 'a b'}}]", "tokens.0.tenant: String should match"),
        (f"tokens = [{{token = '{SECRET}'}}]", "tokens.0.tenant: Field required"),
        ("tokens = [{token = '', tenant = '*'}]", "tokens.0.token: expected at least 8 characters"),
        (
            f"tokens = [{{token = '{SECRET}', tenant = 'a'}}, {{token = '{SECRET}', tenant = '*'}}]",
            "tokens: expected each token once",
        ),
        (f"endpoints.x = {{secrets = ['{SECRET}'], provider = 'teekrr'}}", "endpoints.x.tenant: Field required"),
        (
            f"endpoints.x = {{secrets = '{SECRET}', provider = 'teekrr', tenant = 'a'}}",
            "endpoints.x.secrets: Input should be a valid tuple",
        ),
        (
            f"endpoints.x = {{secrets = ['{SECRET}'], provider = 'twilio', tenant = 'a'}}",
            "endpoints.x.provider: Input should be 'teekrr', 'webex-interact', 'prelude' or 'treble'",
        ),
        (
            "endpoints.x = {provider = 'teekrr', tenant = 'a'}",
            "endpoints.x: secrets: expected at least one; verify = false would take every request",
        ),
        (
            "endpoints.x = {provider = 'prelude', tenant = 'a'}",
            "endpoints.x: public_keys: expected at least one; verify = false would take every request",
        ),
        (
            "endpoints.x = {provider = 'treble', tenant = 'a', secrets = ['guessable']}",
            "endpoints.x: secrets: expected 16 to 128 letters, digits, '_' or '-', since they stand in the URL",
        ),
        (
            f"endpoints.x = {{provider = 'prelude', tenant = 'a', secrets = ['{SECRET}']}}",
            "endpoints.x: secrets: prelude has no use for them; expected public_keys",
        ),
        (
            (
                f"[endpoints]\nx = {{provider = 'treble', tenant = 'a', secrets = ['{SECRET}']}}\n"
                f"y = {{provider = 'treble', tenant = 'b', secrets = ['{SECRET}']}}"
            ),
            "endpoints: expected each secret of a provider's URLs once",
        ),
        (
            f"endpoints.x = {{provider = 'prelude', tenant = 'a', public_keys = ['{SECRET}']}}",
            "endpoints.x.public_keys.0: expected a public key in PEM format",
        ),
        ("endpoints.Shop = {provider = 'treble', tenant = 'a', verify = false}", "endpoints.Shop.[key]: String should"),
        (f"sasl_password = {SECRET}", "configuration file undelivered.toml: expected TOML (at line 1, column "),
    ],
)
def test_an_error_names_the_key_and_what_was_expected_without_the_value(
    text: str, expected: str, tmp_path: Path
) -> None:
    written(tmp_path, text)

    with pytest.raises(SettingsError) as caught:
        load_settings(None)

    assert expected in str(caught.value)
    # nothing that a traceback could show either
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert SECRET not in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "partitions = 0\nreplication = 0")

    with pytest.raises(SettingsError, match=r"partitions: .*; replication: "):
        load_settings(None)


def test_a_variable_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDELIVERED_TOKENS", SECRET)

    with pytest.raises(SettingsError) as caught:
        load_settings(None)

    assert str(caught.value) == "UNDELIVERED_TOKENS: expected JSON"
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(("content", "expected"), [(None, "no such file"), (b"\xff", "expected TOML in UTF-8")])
def test_a_named_file_must_be_readable(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "named.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingsError, match=f"configuration file .*named.toml: {expected}"):
        load_settings(path)


def test_only_strong_rsa_keys_are_taken() -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused

    for key in (short, ec.generate_private_key(ec.SECP256R1())):
        with pytest.raises(ValidationError, match="expected an RSA public key of at least 2048 bits"):
            Endpoint(tenant="a", provider=Provider.PRELUDE, public_keys=(Credential.of(pem(key)),))


def test_settings_show_no_secrets() -> None:
    settings = Settings(
        sasl_password=SecretStr(SECRET),
        tokens=(Token(token=Credential.of(SECRET), tenant="*"),),
        endpoints={"x": Endpoint(tenant="a", provider=Provider.TREBLE, secrets=(Credential.of(SECRET),))},
    )

    shown = (str(settings), repr(settings), str(settings.model_dump()), settings.model_dump_json())

    assert not any(SECRET in text for text in shown)


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ({}, {"security_protocol": "PLAINTEXT"}),
        (
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_username": "me",
                "sasl_password": SECRET,
            },
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": "me",
                "sasl_plain_password": SECRET,
            },
        ),
    ],
)
def test_security_becomes_arguments_of_aiokafka(values: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert kafka_security(Settings(**values)) == arguments


def test_tls_checks_the_brokers_certificate() -> None:
    context = kafka_security(Settings(security_protocol="SSL"))["ssl_context"]

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content, encoding="ascii")

    with pytest.raises(SettingsError, match="ssl_cafile: expected a readable file of PEM certificates"):
        kafka_security(Settings(security_protocol="SSL", ssl_cafile=path))


def test_every_setting_is_described() -> None:
    knobs = {knob.name: knob for knob in describe()}

    assert all(knob.description for knob in knobs.values())
    assert {name: knobs[name].default for name in ("gateway.port", "endpoints.<name>.verify", "tokens[].token")} == {
        "gateway.port": "8080",
        "endpoints.<name>.verify": "true",
        "tokens[].token": "required",
    }
    assert len(knobs) == len(Settings.model_fields) - 3 + sum(
        len(group.model_fields) for group in (Gateway, Endpoint, Token)
    )
