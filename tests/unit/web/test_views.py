from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.credentials import Credential
from app.settings import Settings, Token
from app.web.auth import Gate
from app.web.overview import Overview
from app.web.views import add_overview, faust_settings, middlewares


def test_faust_shows_none_of_its_own_views() -> None:
    """They ask nobody for a token."""
    made = faust_settings(Settings(web_port=6066))
    assert [len(made.pop("web_application_options")["middlewares"]), made] == [
        2,
        {
            "web_enabled": True,
            "web_bind": "127.0.0.1",
            "web_port": 6066,
            "canonical_url": "http://127.0.0.1:6066",
            "web_tables_enabled": False,
            "web_router_enabled": False,
            "web_stats_enabled": False,
            "web_graph_enabled": False,
            "web_metrics_enabled": False,
        },
    ]


def test_other_workers_are_told_the_public_address() -> None:
    made = faust_settings(Settings(web_port=6066, web_public_url="https://worker-1.example.com/undelivered"))
    assert made["canonical_url"] == "https://worker-1.example.com/undelivered"


def test_a_port_of_0_becomes_one_that_others_can_be_told() -> None:
    made = faust_settings(Settings(web_port=0))
    assert made["web_port"] > 0
    assert made["canonical_url"] == f"http://127.0.0.1:{made['web_port']}"


def test_an_address_that_means_every_interface_is_not_told_to_others() -> None:
    made = faust_settings(Settings(web_host="0.0.0.0", web_port=6066))  # noqa: S104 - nothing listens
    assert "0.0.0.0" not in made["canonical_url"]  # noqa: S104 - as above


async def test_only_a_caller_who_is_let_in_starts_the_reading_behind_the_overview() -> None:
    asked = []

    def read() -> Overview:
        asked.append(1)
        return Overview()

    settings = Settings(tokens=(Token(token=Credential.of("acme-token-0123456789"), tenant="acme"),))
    app = web.Application(middlewares=middlewares(settings))
    add_overview(app.router, read, Gate(settings.tokens))
    async with TestClient(TestServer(app)) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with client.get("/v1/overview", headers=headers) as response:
                assert (response.status, asked) == (401, [])
        async with client.get("/v1/overview", headers={"Authorization": "Bearer acme-token-0123456789"}) as response:
            assert ((await response.json())["caught_up"], asked) == (False, [1])
