import pytest

from app.credentials import Credential
from app.settings import Token
from app.web.answers import Refused
from app.web.auth import Caller, Gate

ACME = Token(token=Credential.of("acme-secret"), tenant="acme")
ALL = Token(token=Credential.of("schlüssel"), tenant="*")
# as aiohttp hands over bytes beyond ASCII
AS_SENT = "schlüssel".encode().decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("header", "caller"),
    [
        ("Bearer acme-secret", Caller("acme")),
        ("bearer  acme-secret ", Caller("acme")),
        (f"Bearer {AS_SENT}", Caller("*")),
    ],
)
def test_a_token_names_its_caller(header: str, caller: Caller) -> None:
    assert Gate([ACME, ALL]).caller(header) == caller


def test_a_token_past_its_end_lets_nobody_in() -> None:
    ended = Credential.model_validate({"value": "acme-secret", "until": "2020-01-01T00:00:00Z"})
    lasting = Credential.model_validate({"value": "acme-secret", "until": "2999-01-01T00:00:00Z"})
    assert Gate([Token(token=lasting, tenant="acme")]).caller("Bearer acme-secret") == Caller("acme")
    with pytest.raises(Refused):
        Gate([Token(token=ended, tenant="acme")]).caller("Bearer acme-secret")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer acme-secre",
        "Bearer acme-secret2",
        "Bearer \udcff",
        "Basic acme-secret",
        "acme-secret",
    ],
)
def test_everything_else_is_refused(header: str | None) -> None:
    with pytest.raises(Refused, match="expected 'Bearer' and a valid token") as caught:
        Gate([ACME, ALL]).caller(header)
    assert (caught.value.status, caught.value.headers) == (401, {"WWW-Authenticate": 'Bearer realm="undelivered"'})


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer x"])
def test_without_tokens_nobody_gets_in(header: str | None) -> None:
    with pytest.raises(Refused):
        Gate([]).caller(header)


def test_a_token_opens_its_own_tenant_only() -> None:
    Caller("acme").check("acme")
    Caller("*").check("globex")
    for tenant in ("globex", "*", ""):
        with pytest.raises(Refused, match="this token is for another one") as caught:
            Caller("acme").check(tenant)
        assert caught.value.status == 403
