"""Who a request comes from, and which URL was called: said by the connection, or by proxies of one's own."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.gateway.http.request import Head

Network = IPv4Network | IPv6Network


class Clients:
    """Believes what proxies of one's own say, in the headers that they set: anybody else may write what he likes.

    ``standard``: they set ``Forwarded`` (RFC 7239), and pass ``X-Forwarded-*`` on as it came; else the reverse.
    """

    def __init__(self, proxies: Sequence[Network], public_url: str, *, standard: bool = False) -> None:
        self._proxies = tuple(proxies)
        self._standard = standard
        self._public_url = public_url.rstrip("/")
        self.is_proxy = lru_cache(maxsize=4096)(self._is_proxy)

    def _is_proxy(self, address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in self._proxies)

    def address(self, head: Head) -> str:
        """Return the client's address: the last one that is no proxy of ours."""
        if not self.is_proxy(head.address):
            return head.address
        for each in reversed(self._hops(head)):
            if not self.is_proxy(each):
                return each
        return head.address

    def url(self, head: Head) -> str:
        """Return the URL that was called from outside, for providers that sign it."""
        target = f"{head.path}?{head.query}" if head.query else head.path
        if self._public_url:
            return self._public_url + target
        scheme, host = "http", head.headers.get("host", "")
        if self.is_proxy(head.address):
            said = _forwarded(head) if self._standard else _x_forwarded(head)
            scheme, host = said.get("proto") or scheme, said.get("host") or host
        return f"{scheme.split(',')[-1].strip()}://{host.split(',')[-1].strip()}{target}"

    def _hops(self, head: Head) -> list[str]:
        if self._standard:
            said = (_pairs(hop).get("for", "") for hop in head.headers.get("forwarded", "").split(","))
        else:
            said = (each.strip() for each in head.headers.get("x-forwarded-for", "").split(","))
        return [_without_port(each) for each in said if each]


def within(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of the networks; without any, every address does."""
    if not networks:
        return True
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _forwarded(head: Head) -> dict[str, str]:
    return _pairs(head.headers.get("forwarded", "").rpartition(",")[2])


def _x_forwarded(head: Head) -> dict[str, str]:
    return {name: head.headers.get(f"x-forwarded-{name}", "") for name in ("proto", "host")}


def _pairs(hop: str) -> dict[str, str]:
    """Return the parts of one hop of ``Forwarded`` (RFC 7239)."""
    found = (part.partition("=") for part in hop.split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in found}


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
