from ipaddress import ip_network

import pytest

from app.gateway.clients import Clients, within
from app.gateway.http.request import Head

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
CLIENTS = Clients(PROXIES, "")
STANDARD = Clients(PROXIES, "", standard=True)


def head(address: str, query: str = "", **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head("POST", "/v1/webhooks/teekrr/shop", query, {"host": "inside:8080", **named}, address, 0)


@pytest.mark.parametrize(
    ("address", "headers", "found"),
    [
        ("198.51.100.7", {"x_forwarded_for": "192.0.2.1"}, "198.51.100.7"),
        ("10.0.0.1", {}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": "192.0.2.1"}, "192.0.2.1"),
        ("10.0.0.1", {"x_forwarded_for": "203.0.113.9, 192.0.2.1, 10.1.1.1"}, "192.0.2.1"),
        ("::ffff:10.0.0.1", {"x_forwarded_for": "192.0.2.1:4711"}, "192.0.2.1"),
        ("10.0.0.1", {"forwarded": "for=203.0.113.9", "x_forwarded_for": "192.0.2.1"}, "192.0.2.1"),
        ("", {"x_forwarded_for": "192.0.2.1"}, ""),
    ],
)
def test_the_client_is_who_called_the_outermost_proxy_of_ours(
    address: str, headers: dict[str, str], found: str
) -> None:
    assert CLIENTS.address(head(address, **headers)) == found


@pytest.mark.parametrize(
    ("address", "headers", "found"),
    [
        ("198.51.100.7", {"forwarded": "for=192.0.2.1"}, "198.51.100.7"),
        ("fd00::1", {"forwarded": 'for=203.0.113.9, for="[2001:db8::1]:80";proto=https'}, "2001:db8::1"),
        ("10.0.0.1", {"forwarded": "for=192.0.2.1", "x_forwarded_for": "203.0.113.9"}, "192.0.2.1"),
        ("10.0.0.1", {"x_forwarded_for": "203.0.113.9"}, "10.0.0.1"),
    ],
)
def test_only_the_headers_that_the_proxies_set_are_believed(address: str, headers: dict[str, str], found: str) -> None:
    """The others pass them as the client wrote them."""
    assert STANDARD.address(head(address, **headers)) == found


@pytest.mark.parametrize(
    ("address", "headers", "url"),
    [
        ("198.51.100.7", {"x_forwarded_host": "evil.example"}, "http://inside:8080"),
        ("10.0.0.1", {"x_forwarded_host": "hooks.example", "x_forwarded_proto": "https"}, "https://hooks.example"),
        ("10.0.0.1", {"forwarded": "for=192.0.2.1;host=evil.example;proto=https"}, "http://inside:8080"),
    ],
)
def test_the_url_is_as_the_provider_called_it(address: str, headers: dict[str, str], url: str) -> None:
    assert CLIENTS.url(head(address, **headers)) == f"{url}/v1/webhooks/teekrr/shop"
    said = head("10.0.0.1", forwarded="for=192.0.2.1;host=hooks.example;proto=https", x_forwarded_host="evil.example")
    assert STANDARD.url(said) == "https://hooks.example/v1/webhooks/teekrr/shop"
    fixed = Clients(PROXIES, "https://set.example/")
    assert fixed.url(head(address, "a=b", **headers)) == "https://set.example/v1/webhooks/teekrr/shop?a=b"


@pytest.mark.parametrize(
    ("address", "inside"), [("192.0.2.1", True), ("::ffff:192.0.2.1", True), ("192.0.3.1", False), ("somewhere", False)]
)
def test_an_address_lies_within_a_network_or_not(address: str, *, inside: bool) -> None:
    assert within(address, [ip_network("198.51.100.0/24"), ip_network("192.0.2.0/24")]) == inside
    assert within(address, [])
