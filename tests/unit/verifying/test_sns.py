from typing import NamedTuple

import pytest

from app.errors import SignatureError
from app.verifying import Credential, Verifier, sns
from app.verifying.sns import canonical
from tests.unit.verifying.samples import (
    CERTIFICATE_URL,
    NOW_S,
    TOPIC,
    as_body,
    certificate,
    ec_key,
    made_certificate,
    message,
    only,
    request,
    rsa_key,
)

NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "4d4dc071-ddbf-465d-bba8-08f81c89da64",
    "TopicArn": "arn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P",
    "Subject": "My subject",
    "Message": "My Test Message",
    "Timestamp": "2019-01-31T04:37:04.321Z",
}
CONFIRMATION = {
    "SubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=233",
    "Token": "233",
    "Subject": None,
}


class Shop:
    """Hands out one certificate, and keeps what was asked for."""

    def __init__(self, pem: bytes | None = None) -> None:
        self.asked: list[str] = []
        self._pem = pem

    def fetch(self, url: str) -> bytes | None:
        """Return the certificate."""
        self.asked.append(url)
        return self._pem


class Bench(NamedTuple):
    """A verifier, and where it gets its certificates."""

    verify: Verifier
    shop: Shop

    def answer(self, **changed: object) -> str:
        """Verify a message that is signed after the changes."""
        return self.answer_at(NOW_S, **changed)

    def answer_at(self, now_s: float, **changed: object) -> str:
        """Verify it at another moment."""
        return self.verify(request(body=as_body(message(**changed)), now_s=now_s))


@pytest.fixture
def bench() -> Bench:
    shop = Shop(certificate())
    return Bench(sns(only(TOPIC.encode()), shop.fetch, tolerance_s=3600), shop)


def test_the_string_to_sign_is_the_documentations() -> None:
    assert canonical(NOTIFICATION) == (
        b"Message\nMy Test Message\nMessageId\n4d4dc071-ddbf-465d-bba8-08f81c89da64\nSubject\nMy subject\nTimestamp\n"
        b"2019-01-31T04:37:04.321Z\nTopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P\nType\n"
        b"Notification\n"
    )


def test_a_subject_is_signed_where_there_is_one() -> None:
    assert canonical({**NOTIFICATION, "Subject": ""}) == canonical(NOTIFICATION).replace(b"My subject", b"")
    subjects: list[dict[str, object]] = [{}, {"Subject": None}]
    for subject in subjects:
        rest = {name: value for name, value in NOTIFICATION.items() if name != "Subject"}
        assert canonical({**rest, **subject}) == canonical(NOTIFICATION).replace(b"Subject\nMy subject\n", b"")


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_the_string_to_sign_of_a_confirmation(kind: str) -> None:
    changed = {"Type": kind, "SubscribeURL": "https://sns/?a=b", "Token": "2336412f37"}
    assert canonical(NOTIFICATION | changed) == (
        b"Message\nMy Test Message\nMessageId\n4d4dc071-ddbf-465d-bba8-08f81c89da64\nSubscribeURL\nhttps://sns/?a=b\n"
        b"Timestamp\n2019-01-31T04:37:04.321Z\nToken\n2336412f37\nTopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNST"
        b"opic-1G1WEFCOXTC0P\nType\n" + kind.encode() + b"\n"
    )


@pytest.mark.parametrize("version", ["1", "2"])
def test_messages_of_both_versions_pass(version: str, bench: Bench) -> None:
    assert bench.answer(SignatureVersion=version) == "current"
    assert bench.answer(SignatureVersion=version, Subject=None) == "current"
    for kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        assert bench.answer(SignatureVersion=version, Type=kind, **CONFIRMATION) == "current"


@pytest.mark.parametrize("name", [
    "Message", "MessageId", "Subject", "Timestamp", "Signature", "SignatureVersion", "Token", "SubscribeURL",
])  # fmt: skip
def test_a_changed_field_is_refused(name: str, bench: Bench) -> None:
    kind = {"Type": "SubscriptionConfirmation", **CONFIRMATION} if name in CONFIRMATION and name != "Subject" else {}
    document = message(**kind)
    other = {"Timestamp": "2023-11-14T22:13:20.001Z", "SignatureVersion": "1", "Signature": "AAAA"}.get(name, "changed")
    assert document[name] != other

    with pytest.raises(SignatureError, match=r"^Signature does not fit the certificate$"):
        bench.verify(request(body=as_body(document | {name: other})))


def test_any_topic_of_others_is_refused_before_anything_is_fetched() -> None:
    """Everybody can have SNS sign messages of a topic of their own."""
    shop = Shop(certificate())
    topics = [Credential("bounces", TOPIC.encode()), Credential("complaints", f"{TOPIC}-2".encode())]
    bench = Bench(sns(topics, shop.fetch, tolerance_s=None), shop)

    assert bench.answer(TopicArn=f"{TOPIC}-2") == "complaints"
    assert len(shop.asked) == 1
    with pytest.raises(SignatureError, match=r"^TopicArn fits none of 2 topics$"):
        bench.answer(TopicArn=f"{TOPIC}-3", SigningCertURL=CERTIFICATE_URL.replace("0123", "4567"))
    assert len(shop.asked) == 1


@pytest.mark.parametrize("url", [
    "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    "HTTPS://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-0.pem",
    "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem",
    "https://evil.example/https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com.cn.evil.example/SimpleNotificationService-0.pem",
    "https://evilsns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.evil.example.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com./SimpleNotificationService-0.pem",
    "https://sns-us-east-1-amazonaws-com/SimpleNotificationService-0.pem",
    "https://s3.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com/bucket/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-../0.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem?a",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem#a",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem\n",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem" + "\x00",
    "https://sns.us-east-1.amazonaws.com\\@evil.example/SimpleNotificationService-0.pem",
    "https://sns.us-ea\u017ft-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-" + "0" * 129 + ".pem",
    "",
])  # fmt: skip
def test_a_certificate_from_anywhere_else_is_never_fetched(url: str, bench: Bench) -> None:
    with pytest.raises(SignatureError, match=r"^SigningCertURL: expected the URL of a certificate of Amazon SNS$"):
        bench.answer(SigningCertURL=url)
    assert bench.shop.asked == []


@pytest.mark.parametrize("host", ["sns.us-gov-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"])
def test_certificates_come_from_every_region(host: str, bench: Bench) -> None:
    url = f"https://{host}/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem"
    assert bench.answer(SigningCertURL=url) == "current"
    assert bench.shop.asked == [url]


def test_other_hosts_can_be_named_instead() -> None:
    shop = Shop(certificate())
    bench = Bench(sns(only(TOPIC.encode()), shop.fetch, tolerance_s=None, hosts=r"sns\.test|localhost"), shop)

    for host in ("sns.test", "localhost"):
        assert bench.answer(SigningCertURL=f"https://{host}/SimpleNotificationService-0.pem") == "current"
    for host in ("snsxtest", "localhost.example", "sns.us-east-1.amazonaws.com"):
        with pytest.raises(SignatureError, match="SigningCertURL"):
            bench.answer(SigningCertURL=f"https://{host}/SimpleNotificationService-0.pem")


def test_a_certificate_is_fetched_once_and_sixteen_are_kept(bench: Bench) -> None:
    urls = [CERTIFICATE_URL.replace("0123", f"{number:04}") for number in range(17)]
    for url in (urls[0], *urls[:16], *urls[:16]):
        assert bench.answer(SigningCertURL=url) == "current"
    assert bench.shop.asked == urls[:16]

    assert bench.answer(SigningCertURL=urls[16]) == "current"
    assert bench.answer(SigningCertURL=urls[15]) == "current"
    assert bench.answer(SigningCertURL=urls[0]) == "current"
    assert bench.shop.asked == [*urls, urls[0]]


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----", b"\xff", b"x" * 70_000, None])
def test_what_is_no_certificate_is_refused_and_fetched_again(pem: bytes | None) -> None:
    shop = Shop(pem)
    bench = Bench(sns(only(TOPIC.encode()), shop.fetch, tolerance_s=None), shop)
    for _ in range(2):
        with pytest.raises(SignatureError, match=r"^the certificate( cannot be had|: expected PEM with an RSA key)"):
            bench.answer()
    assert len(shop.asked) == 2


def test_a_certificate_of_another_kind_of_key_is_refused() -> None:
    shop = Shop(made_certificate(ec_key()))
    with pytest.raises(SignatureError, match="expected PEM with an RSA key of at least 2048 bits"):
        Bench(sns(only(TOPIC.encode()), shop.fetch, tolerance_s=None), shop).answer()


def test_another_certificate_and_one_that_is_over_are_refused(bench: Bench) -> None:
    shop = Shop(made_certificate(rsa_key(1)))
    with pytest.raises(SignatureError, match=r"^Signature does not fit the certificate$"):
        Bench(sns(only(TOPIC.encode()), shop.fetch, tolerance_s=None), shop).answer()
    for year in (2019, 2031):
        now_s = NOW_S + (year - 2023) * 365.25 * 86_400
        with pytest.raises(SignatureError, match=r"^the certificate is not valid now$"):
            bench.answer_at(now_s, Timestamp=f"{year}-11-14T22:13:20Z")


def test_a_message_is_fresh_and_nothing_is_fetched_for_others(bench: Bench) -> None:
    with pytest.raises(SignatureError, match=r"^Timestamp is too old$"):
        bench.answer_at(NOW_S + 3601)
    with pytest.raises(SignatureError, match=r"^Timestamp lies in the future$"):
        bench.answer_at(NOW_S - 3601)
    for text in ("", "yesterday", "2023-11-14T22:13:20", "2023-11-14T22:13:20Z" + " " * 64):
        with pytest.raises(SignatureError, match=r"^Timestamp: expected a date and time with its offset$"):
            bench.answer(Timestamp=text)
    assert bench.shop.asked == []

    timeless = sns(only(TOPIC.encode()), bench.shop.fetch, tolerance_s=None)
    assert timeless(request(body=as_body(message(Timestamp="yesterday")))) == "current"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Type": "notification"}, "Type: expected one of Notification, SubscriptionConfirmation, UnsubscribeConf"),
        ({"Type": 1}, "Type: expected a text"),
        ({"Message": None}, "Message: expected a text"),
        ({"Message": {}}, "Message: expected a text"),
        ({"Subject": 1}, "Subject: expected a text"),
        ({"SignatureVersion": "3"}, "SignatureVersion: expected 1 or 2"),
        ({"SignatureVersion": 2}, "SignatureVersion: expected a text"),
        ({"SigningCertURL": None}, "SigningCertURL: expected a text"),
        ({"Signature": "é"}, "Signature: expected base64 of at most 8192 characters"),
        ({"Signature": "AAAA" * 2049}, "Signature: expected base64 of at most 8192 characters"),
    ],
)
def test_a_message_that_is_none_is_refused(changed: dict[str, object], expected: str, bench: Bench) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}"):
        bench.answer(**changed)
    assert bench.shop.asked == []


@pytest.mark.parametrize("body", [b"", b"[]", b"not JSON", b"\xff"])
def test_a_body_that_is_no_message_is_refused(body: bytes, bench: Bench) -> None:
    with pytest.raises(SignatureError, match=r"^the body: expected a JSON object$"):
        bench.verify(request(body=body))
