import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.credentials import Credential
from app.endpoints import Endpoint
from app.errors import SignatureError
from app.gateway.entrances import Entrance, Entrances
from app.verifying import Request
from app.vocabulary import Provider

OLD, NEW, OTHER = "old-0123456789abcdef", "new-0123456789abcdef", "other-0123456789abcdef"


def endpoint(provider: Provider, *secrets: str, verify: bool = True) -> Endpoint:
    return Endpoint(tenant="acme", provider=provider, secrets=tuple(map(Credential.of, secrets)), verify=verify)


ENTRANCES = Entrances(
    {
        "shop": endpoint(Provider.TEEKRR, "signing secret"),
        "texts": endpoint(Provider.WEBEX_INTERACT, OLD, NEW),
        "chats": endpoint(Provider.TREBLE, OTHER),
        "open": endpoint(Provider.TREBLE, verify=False),
    }
)


@pytest.mark.parametrize(
    ("provider", "last_part", "name"),
    [
        ("teekrr", "shop", "shop"),
        ("webex-interact", OLD, "texts"),
        ("webex-interact", NEW, "texts"),
        ("treble", OTHER, "chats"),
        ("treble", "open", "open"),
    ],
)
def test_a_url_means_the_endpoint_of_its_name_or_secret(provider: str, last_part: str, name: str) -> None:
    assert ENTRANCES.find(provider, last_part, 0).entrance.name == name


@pytest.mark.parametrize(
    ("provider", "last_part"),
    [
        ("prelude", "shop"),
        ("teekrr", "signing secret"),
        ("webex-interact", "texts"),
        ("treble", NEW),
        ("treble", OTHER + "x"),
        ("treble", "\udcff"),
        ("carrier-pigeon", "shop"),
        ("", ""),
    ],
)
def test_other_urls_mean_nothing(provider: str, last_part: str) -> None:
    """Another provider's endpoint, the name where a secret is wanted, a secret where the name is."""
    found = ENTRANCES.find(provider, last_part, 0).entrance
    assert found.name == ""
    with pytest.raises(SignatureError):
        found.verify(Request("POST", "https://example.com/", {}, b"{}", 0.0))


def test_the_secret_in_a_url_is_named_and_may_end() -> None:
    ended = Credential.model_validate({"value": OLD, "until": "1970-01-01T00:00:10Z", "name": "old"})
    entrances = Entrances(
        {"texts": Endpoint(tenant="acme", provider=Provider.WEBEX_INTERACT, secrets=(ended, Credential.of(NEW)))}
    )
    assert entrances.find("webex-interact", OLD, 10.0).credential == "old"
    assert entrances.find("webex-interact", NEW, 11.0).credential == "2"
    assert entrances.find("webex-interact", OLD, 11.0).entrance.name == ""


PRELUDE_KEY = (
    rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
)


def dated(document: object, now_us: int, *, accounts: tuple[str, ...] = (), tolerance_s: float = 0) -> None:
    endpoint = Endpoint(
        tenant="acme",
        provider=Provider.PRELUDE,
        public_keys=(Credential.of(PRELUDE_KEY.decode()),),
        provider_accounts=accounts,
        timestamp_tolerance_s=tolerance_s,
    )
    Entrance("codes", endpoint).check_document(document, now_us)


def test_a_body_of_another_account_is_refused() -> None:
    dated({"payload": {"customer_uuid": "ours"}}, 0, accounts=("ours",))
    dated({"payload": {}}, 0, accounts=("ours",))
    dated({"payload": {"customer_uuid": "theirs"}}, 0)
    others: list[object] = ["theirs", [], {}, 7, True]
    for other in others:
        with pytest.raises(SignatureError, match=r"payload\.customer_uuid is another account"):
            dated({"payload": {"customer_uuid": other}}, 0, accounts=("ours",))


@pytest.mark.parametrize(
    ("created_at", "problem"),
    [
        ("1970-01-01T00:01:00Z", ""),
        ("1970-01-01T01:01:30+01:00", ""),
        ("1970-01-01T00:00:29Z", "too far"),
        ("1970-01-01T00:01:31Z", "too far"),
        ("1970-01-01T00:01:00", "no moment"),
        ("yesterday", "no moment"),
        (None, "no moment"),
        ([], "no moment"),
    ],
)
def test_a_body_that_is_too_old_or_ahead_is_refused(created_at: object, problem: str) -> None:
    dated({"created_at": created_at}, 60_000_000)
    if problem:
        with pytest.raises(SignatureError, match=f"created_at is {problem}"):
            dated({"created_at": created_at}, 60_000_000, tolerance_s=30)
    else:
        dated({"created_at": created_at}, 60_000_000, tolerance_s=30)
