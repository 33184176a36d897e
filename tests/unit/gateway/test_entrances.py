import pytest
from pydantic import SecretStr

from app.endpoints import Endpoint
from app.gateway.entrances import Entrances
from app.vocabulary import Provider

OLD, NEW, OTHER = "old-0123456789abcdef", "new-0123456789abcdef", "other-0123456789abcdef"


def endpoint(provider: Provider, *secrets: str, verify: bool = True) -> Endpoint:
    return Endpoint(tenant="acme", provider=provider, secrets=tuple(map(SecretStr, secrets)), verify=verify)


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
    found = ENTRANCES.find(provider, last_part)

    assert found is not None
    assert found.name == name


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
    assert ENTRANCES.find(provider, last_part) is None
