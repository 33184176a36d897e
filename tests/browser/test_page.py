"""The page in a real browser, on the real overview, behind the real gate."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from app.credentials import Credential
from app.domain.clock import HOUR
from app.events import CreditChanged, DeliveryAlert, DeliveryStats, SuppressionChanged
from app.settings import Settings, Token
from app.web.auth import Gate
from app.web.overview import DeadLetter, Overview
from app.web.page import add_page
from app.web.views import add_overview, middlewares
from tests.browser.chromium import Tab, chromium

ACME = "acme-token-0123456789"
EVERYBODY = "everybody-token-0123456789"
SETTINGS = Settings(
    tokens=(Token(token=Credential.of(ACME), tenant="acme"), Token(token=Credential.of(EVERYBODY), tenant="*"))
)
SCRIPT = "<img src=x onerror=alert(1)>"

# one less than the page keeps: the next hour may begin while a test runs
HOURS_SHOWN = 23
FAILURES = (
    ("teekrr", "whatsapp", "recipient_not_on_channel", "RECIPIENT", 9),
    ("teekrr", "email", "mailbox_full", "RECIPIENT", 4),
    ("teekrr", "sms", "rate_limited", "SENDER", 3),
    ("webex-interact", "sms", "unknown", "UNKNOWN", 6),
    ("prelude", "sms", "carrier_rejected", "CARRIER", 5),
    ("prelude", "sms", "recipient_unavailable", "RECIPIENT", 2),
    ("treble", "whatsapp", "template_error", "CONTENT", 1),
    ("treble", "whatsapp", "marketing_limited", "RECIPIENT", 2),
)


def stats(tenant: str, hours_ago: int, count: int, provider: str, reason: str, attribution: str) -> DeliveryStats:
    return {
        "tenant": tenant,
        "provider": provider,
        "channel": "sms",
        "outcome": "failed" if reason else "delivered",
        "reason": reason,
        "attribution": attribution,
        "minute": time.time_ns() // 1000 - hours_ago * HOUR,
        "count": count,
        "sample_code": "",
        "unlisted": False,
        "samples": [],
    }


def suppression(recipient: str, channel: str, reason: str, *, until: int | None, state: str) -> SuppressionChanged:
    now = time.time_ns() // 1000
    return {
        "event_id": "0" * 32,
        "tenant": "acme",
        "channel": channel,
        "recipient": recipient,
        "state": state,
        "reason": reason,
        "since": now - HOUR,
        "until": until,
        "tier": 1,
        "sequence": 2,
        "cause": "failure" if reason else "delivery",
        "evidence": ["c5a1f2b3d4e5f60718293a4b5c6d7e8f", "17d0aa41b2c3d4e5f60718293a4b5c6d"] if reason else [],
        "requested_by": "",
        "changed_at": now - HOUR,
        "policy_version": "1.0",
    }


def credit(account: str, available: int, reserved: int, spent: int) -> CreditChanged:
    return {
        "event_id": "0" * 32,
        "tenant": "acme",
        "account": account,
        "currency": "EUR",
        "granted_micros": available + reserved + spent,
        "available_micros": available,
        "reserved_micros": reserved,
        "spent_micros": spent,
        "sequence": 4,
        "cause": "settled",
        "message_id": "m-1",
        "amount_micros": 30_000,
        "occurred_at": time.time_ns() // 1000 - HOUR,
    }


def alert(key: str, summary: str, action: str, state: str = "raised") -> DeliveryAlert:
    return {
        "event_id": "0" * 32,
        "alert_key": key,
        "tenant": "acme",
        "kind": "sender_fault",
        "state": state,
        "summary": summary,
        "action": action,
        "provider": "teekrr",
        "channel": "whatsapp",
        "account": "",
        "reason": "sender_not_registered",
        "sample_code": "meta:133010",
        "observed": 1.0,
        "threshold": 1.0,
        "samples": ["the provider's words", SCRIPT] if state == "raised" else [],
        "occurred_at": time.time_ns() // 1000 - HOUR // 3,
    }


def filled() -> Overview:
    """Make an overview with something in every part of it."""
    overview = Overview()
    now = time.time_ns() // 1000
    acme = overview.of("acme")
    for number, (provider, _, reason, attribution, weight) in enumerate(FAILURES):
        for hours_ago in range(HOURS_SHOWN):
            count = weight * ((hours_ago * 7 + number * 5) % 11)
            acme.take_stats(stats("acme", hours_ago, count, provider, reason, attribution), now)
            acme.take_stats(stats("acme", hours_ago, 40 * weight, provider, "", "UNKNOWN"), now)
    overview.of("globex").take_stats(stats("globex", 1, 7, "treble", "expired", "CARRIER"), now)
    acme.take_suppression(
        suppression("+447810000001", "sms", "invalid_recipient", until=now + 720 * HOUR, state="suppressed"), now
    )
    acme.take_suppression(
        suppression("ana@example.com", "email", "recipient_opted_out", until=None, state="suppressed"), now
    )
    acme.take_suppression(suppression("+34911234567", "whatsapp", "", until=None, state="allowed"), now)
    acme.take_suppression(suppression(SCRIPT, "email", "mailbox_full", until=None, state="suppressed"), now)
    acme.take_credit(credit("acme/teekrr", 41_500_000, 2_500_000, 956_000_000))
    acme.take_credit(credit("acme/prelude", 820_000_000, 60_000_000, 120_000_000))
    acme.take_alert(
        alert(
            "1",
            "A sender number, id or domain of ours is not registered for whatsapp at teekrr.",
            "Register the sender behind the sample code at teekrr, or send from one that is registered.",
        )
    )
    acme.take_alert(alert("2", "prelude refuses our credentials on sms.", "Renew the token.", "cleared"))
    acme.take_dead_letter(
        DeadLetter(now - HOUR, "acme", "raw.teekrr/3/1207", "data.channel: text, expected email, sms or whatsapp"), now
    )
    overview.caught_up = True
    overview.lag = {"normalize": 0, "suppress": 12, "credit": 0, "alert": 3}
    return overview


@asynccontextmanager
async def serving(overview: Overview) -> AsyncIterator[str]:
    """Serve the page and its overview as a worker does."""
    app = web.Application(middlewares=middlewares(SETTINGS))
    add_page(app.router)
    add_overview(app.router, lambda: overview, Gate(SETTINGS.tokens))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def signed_in(token: str, *, width: int = 1200, dark: bool = False) -> AsyncIterator[Tab]:
    """Open the page and sign in."""
    async with serving(filled()) as url, chromium() as tab:
        await tab.open(url, width=width, dark=dark)
        await tab.until("!document.querySelector('#login').hidden")
        await tab.type_into("#token", token)
        await tab.until("!document.querySelector('#overview').hidden")
        yield tab


async def texts(tab: Tab, selector: str) -> list[str]:
    """Return what a person reads in each of some elements."""
    found = await tab.evaluate(f"[...document.querySelectorAll({selector!r})].map((each) => each.innerText.trim())")
    assert isinstance(found, list)
    return found


async def test_a_person_signs_in_and_sees_everything(tmp_path: Path) -> None:
    """Every part of the page shows its figures, asks no other host, and keeps the token out of every address."""
    async with signed_in(ACME) as tab:
        assert await texts(tab, "#tenant, #status") == ["acme", "live"]
        hours = range(HOURS_SHOWN)
        failed = sum(weight * ((hour * 7 + n * 5) % 11) for n, (*_, weight) in enumerate(FAILURES) for hour in hours)
        delivered = sum(40 * weight * HOURS_SHOWN for *_, weight in FAILURES)
        assert await texts(tab, "#tiles dd") == [f"{failed:,}", f"{delivered:,}", "3", "1", "1", "1"]
        assert await texts(tab, ".alert.raised .what") == [
            "A sender number, id or domain of ours is not registered for whatsapp at teekrr."
        ]
        assert await texts(tab, ".alert.raised li") == ["the provider's words", SCRIPT]
        assert await texts(tab, ".alert.cleared .what") == ["Over: prelude refuses our credentials on sms."]
        charts = await texts(tab, "figcaption")
        assert [each.split()[0] for each in charts] == ["teekrr", "webex-interact", "prelude", "treble"]
        assert await tab.evaluate("document.querySelectorAll('#charts rect').length") > 100
        assert len(await texts(tab, "#reasons tbody tr")) == len(FAILURES)
        addresses = {"+447810000001", "ana@example.com", "+34911234567", SCRIPT}
        assert set(await texts(tab, "#suppressions td:first-child")) == addresses
        assert await texts(tab, "#credit td:first-child") == ["acme/teekrr", "acme/prelude"]
        assert await texts(tab, "#dead-letters td:last-child") == [
            "data.channel: text, expected email, sms or whatsapp"
        ]
        assert await texts(tab, "#lag li") == ["normalize0", "suppress12", "credit0", "alert3"]
        (tmp_path / "page.png").write_bytes(await tab.screenshot())
        here = await tab.evaluate("location.href")
        assert {url.rpartition("/")[0] for url in tab.requested} == {here.rstrip("/"), f"{here}v1"}
        assert not [url for url in tab.requested if ACME in url]
        assert tab.complaints == []


async def test_the_page_follows_the_topics_by_itself() -> None:
    """What arrives after the page was opened is shown without a reload, and that something is missing is said."""
    overview = filled()
    async with serving(overview) as url, chromium() as tab:
        await tab.open(url)
        await tab.until("!document.querySelector('#login').hidden")
        await tab.type_into("#token", ACME)
        await tab.until("document.querySelectorAll('.alert.raised').length === 1")
        assert await texts(tab, "#notice") == [""]
        overview.partly_read.add("credit.changed")
        overview.of("acme").take_alert(alert("3", "Account acme/teekrr has 4 % left.", "Grant it more credit."))
        await tab.until("document.querySelectorAll('.alert.raised').length === 2")
        assert (await texts(tab, "#notice"))[0].startswith("Not all of credit.changed is read: figures may be too low")


async def test_a_wrong_token_is_refused_and_forgotten() -> None:
    """The page says so, shows nothing and keeps nothing."""
    async with serving(filled()) as url, chromium() as tab:
        await tab.open(url)
        await tab.until("!document.querySelector('#login').hidden")
        await tab.type_into("#token", "wrong")
        await tab.until("document.querySelector('#login-error').innerText")
        assert await texts(tab, "#login-error") == ["This token is not known here."]
        assert await tab.evaluate("[document.querySelector('#overview').hidden, sessionStorage.length]") == [True, 0]


async def test_signing_out_leaves_nothing_behind() -> None:
    """Neither the token nor the figures stay in the tab."""
    async with signed_in(ACME) as tab:
        await tab.evaluate("document.querySelector('#sign-out').click()")
        await tab.until("!document.querySelector('#login').hidden")
        assert await tab.evaluate("[sessionStorage.length, document.querySelector('#suppressions').innerText]") == [
            0,
            "",
        ]


@pytest.mark.parametrize("width", [360, 800], ids=["phone", "tablet"])
async def test_it_fits_narrow_screens(width: int) -> None:
    """Tables scroll by themselves; the page never has to be moved sideways."""
    async with signed_in(EVERYBODY, width=width, dark=True) as tab:
        assert await texts(tab, "#tenant") == ["all tenants"]
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width
