import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.errors import SettingsError, SignatureError
from app.verifying import Credential, in_header, p256_public_key, rsa_public_key, sha256_hex, static, webhook_secret
from tests.unit.verifying.samples import NOW_S, ec_key, request, rsa_key

HEADER = in_header("X-Secret")


def test_the_name_of_the_credential_that_fits_is_returned() -> None:
    verify = static([Credential("old", b"one"), Credential("new", b"two"), Credential("copy", b"two")], HEADER)

    assert verify(request({"X-Secret": "one"})) == "old"
    assert verify(request({"X-Secret": "two"})) == "new"
    with pytest.raises(SignatureError, match=r"^X-Secret fits none of 3 secrets$"):
        verify(request({"X-Secret": "three"}))


def test_a_credential_that_is_over_fits_no_more() -> None:
    verify = static([Credential("old", b"one", NOW_S), Credential("new", b"two")], HEADER)

    assert verify(request({"X-Secret": "one"}, now_s=NOW_S)) == "old"
    with pytest.raises(SignatureError, match=r"^X-Secret fits none of 1 secrets$"):
        verify(request({"X-Secret": "one"}, now_s=NOW_S + 0.001))
    assert verify(request({"X-Secret": "two"}, now_s=NOW_S + 0.001)) == "new"


def test_every_credential_is_asked_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time would tell which one did."""
    asked = []

    def compare(secret: bytes, given: bytes) -> bool:
        asked.append(secret)
        return secret == given

    monkeypatch.setattr("hmac.compare_digest", compare)
    verify = static([Credential("a", b"one"), Credential("b", b"two"), Credential("c", b"three")], HEADER)

    assert verify(request({"X-Secret": "one"})) == "a"
    assert asked == [b"one", b"two", b"three"]


def test_a_repr_shows_no_secret() -> None:
    assert "hidden" not in repr(Credential("current", b"hidden"))
    assert "hidden" not in repr(request({"X-Secret": "hidden"}, b"hidden", url="https://hidden/"))


@pytest.mark.parametrize("name", ["", "a b", "a\n", "é", "a" * 65])
def test_a_name_that_logs_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="expected a name"):
        Credential(name, b"secret")


def test_no_secret_is_refused() -> None:
    with pytest.raises(SettingsError, match="not empty"):
        Credential("current", b"")
    with pytest.raises(SettingsError, match="at least one"):
        static([], HEADER)


def test_teekrrs_key_is_the_hex_text_of_the_secrets_hash() -> None:
    assert sha256_hex("test-secret-1") == b"0c54f5db7fd32c14f2d370493828b4ff42bed33c48dc0c689ff8e00fa747ecc3"


@pytest.mark.parametrize("secret", ["whsec_c2VjcmV0IQ==", "c2VjcmV0IQ=="])
def test_a_secret_of_standard_webhooks_is_base64(secret: str) -> None:
    assert webhook_secret(secret) == b"secret!"


def test_a_secret_that_is_no_base64_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError, match=r"^secret: expected whsec_ and base64$"):
        webhook_secret("whsec_ü")


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def test_public_keys_are_read_as_pem_or_as_base64_of_der() -> None:
    for text in (pem(rsa_key()), der(rsa_key()), f"\n{pem(rsa_key())}", f" {der(rsa_key())}\n"):
        assert rsa_public_key(text) == rsa_key().public_key()
    for text in (pem(ec_key()), der(ec_key())):
        assert p256_public_key(text) == ec_key().public_key()


def test_other_public_keys_are_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - refused for that
    for text in (pem(ec_key()), pem(small)):
        with pytest.raises(SettingsError, match="expected RSA of at least 2048 bits"):
            rsa_public_key(text)
    for text in (pem(rsa_key()), pem(ec.generate_private_key(ec.SECP384R1()))):
        with pytest.raises(SettingsError, match="expected one of the curve P-256"):
            p256_public_key(text)
    for text in ("", "-----BEGIN PUBLIC KEY-----", "AAAA", "ü"):
        with pytest.raises(SettingsError, match="expected PEM, or base64 of DER"):
            rsa_public_key(text)
