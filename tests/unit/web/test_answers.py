import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.errors import BadInputError
from app.web.answers import Refused, UnreadableRow, answer, answer_from_row, refusals_as_json

SECRET = "+447810000001 owes 12 EUR"


async def broken(_request: web.Request) -> web.Response:
    raise KeyError(SECRET)


async def told(_request: web.Request) -> web.Response:
    raise BadInputError("address: expected one")


async def test_whatever_a_handler_raises_becomes_json(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the answer nor the log holds what the error says, nor the path, which may be an address."""
    app = web.Application(middlewares=[refusals_as_json])
    app.router.add_get("/broken/{address}", broken)
    app.router.add_get("/told", told)
    caplog.set_level(logging.INFO, "app")
    async with TestClient(TestServer(app)) as client:
        async with client.get("/broken/ana@example.com") as response:
            assert (response.status, response.content_type) == (500, "application/json")
            assert await response.json() == {"error": "worker: it failed to answer; its log says where"}
        async with client.get("/told") as response:
            assert (response.status, await response.json()) == (400, {"error": "address: expected one"})
    said = [record.getMessage() for record in caplog.records if record.name.startswith("app")]
    assert len(said) == 1
    assert said[0].startswith("/broken/{address}: KeyError in test_answers.py:")
    assert SECRET not in caplog.text
    assert "ana@" not in caplog.text


def test_a_row_that_cannot_be_shown_is_told_without_its_contents(caplog: pytest.LogCaptureFixture) -> None:
    """Bad input in a row is no fault of whoever asks."""

    def unreadable() -> dict[str, str]:
        raise BadInputError(SECRET)

    for shown in (unreadable, lambda: {"amount": 2**70}):
        with pytest.raises(
            UnreadableRow, match=r"^row: what is stored is not a row of this table; it has to be repaired$"
        ):
            answer_from_row("credits", shown)
    assert [message.partition(":")[0] for message in caplog.messages] == ["a row of credits cannot be shown"] * 2
    assert SECRET not in caplog.text


def test_a_row_that_is_not_there_stays_a_404() -> None:
    def absent() -> dict[str, str]:
        raise Refused(404, "account: nothing is known of it")

    with pytest.raises(Refused, match="account: nothing is known of it"):
        answer_from_row("credits", absent)
    assert answer_from_row("credits", lambda: {"a": 1}).body == answer({"a": 1}).body
