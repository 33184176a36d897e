import base64

import pytest

from app.errors import SettingsError, SignatureError
from app.verifying import Credential, Verifier, all_of, any_of, basic, bearer, in_header, static
from tests.unit.verifying.samples import only, request


@pytest.mark.parametrize(
    ("verify", "header", "value"),
    [
        (static(only("gehöim?".encode()), in_header("X-Api-Key")), "X-Api-Key", "gehöim?"),
        (bearer(only(b"abc.def")), "Authorization", "Bearer abc.def"),
        (basic(only(b"Aladdin:open sesame")), "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    ],
)
def test_a_secret_that_is_sent_as_it_is(verify: Verifier, header: str, value: str) -> None:
    """The password is the example of RFC 7617, section 2."""
    assert verify(request({header: value})) == "current"
    for wrong in (value[:-1], value + "=", f"{value[:-3]}x{value[-2:]}", value.replace("ö", "?"), value + "\udcff"):
        if wrong != value:
            with pytest.raises(SignatureError, match=f"^{header} fits none of 1 secrets$"):
                verify(request({header: wrong}))
    with pytest.raises(SignatureError, match=f"^{header} is missing$"):
        verify(request({}))


def test_a_password_may_hold_colons_and_any_letters() -> None:
    value = "Basic " + base64.b64encode("user:pä:ss".encode()).decode()
    assert basic(only("user:pä:ss".encode()))(request({"Authorization": value})) == "current"


ONE = static([Credential("one", b"1")], in_header("X-One"))
TWO = static([Credential("two", b"2")], in_header("X-Two"))


def test_any_of_takes_what_one_of_them_takes() -> None:
    verify = any_of(ONE, TWO)

    assert verify(request({"X-One": "1"})) == "one"
    assert verify(request({"X-One": "0", "X-Two": "2"})) == "two"
    with pytest.raises(SignatureError, match=r"^X-One fits none of 1 secrets; X-Two is missing$"):
        verify(request({"X-One": "0"}))


def test_all_of_takes_what_all_of_them_take() -> None:
    verify = all_of(ONE, TWO)

    assert verify(request({"X-One": "1", "X-Two": "2"})) == "one+two"
    for headers in ({"X-One": "1"}, {"X-Two": "2"}, {"X-One": "2", "X-Two": "1"}):
        with pytest.raises(SignatureError):
            verify(request(headers))


def test_no_verifier_at_all_is_refused() -> None:
    for combine in (any_of, all_of):
        with pytest.raises(SettingsError, match="at least one"):
            combine()
