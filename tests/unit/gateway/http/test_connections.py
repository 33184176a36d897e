import asyncio

import pytest

from app.gateway.http.answers import Answer
from tests.unit.gateway.http.wire import LIMITS, Bench, Office

POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


def test_the_oldest_idle_connection_makes_room() -> None:
    bench = Bench(Office(answers_at_once=False), LIMITS._replace(connections=3))
    (first, busy), (second, oldest), (_, newer) = bench.connect(), bench.connect(), bench.connect()
    first.data_received(POST)
    _, fourth = bench.connect()
    assert [wire.closed for wire in (busy, oldest, newer, fourth)] == [False, True, False, False]
    second.connection_lost(None)
    assert len(bench.connections) == 3


def test_a_connection_that_was_used_is_no_longer_the_oldest() -> None:
    bench = Bench(Office(), LIMITS._replace(connections=2))
    (first, used), (_, unused) = bench.connect(), bench.connect()
    first.data_received(POST)
    bench.connect()
    assert (used.closed, unused.closed) == (False, True)


def test_who_has_not_read_its_answers_leaves_no_socket_behind() -> None:
    bench = Bench(Office(), LIMITS._replace(connections=1))
    first, slow = bench.connect()
    first.data_received(POST)
    slow.unread = 1000
    bench.connect()
    assert slow.aborted


def test_where_all_are_busy_the_newcomer_goes() -> None:
    office = Office(answers_at_once=False)
    bench = Bench(office, LIMITS._replace(connections=1))
    first, busy = bench.connect()
    first.data_received(POST)
    _, newcomer = bench.connect()
    assert (busy.closed, newcomer.closed) == (False, True)
    assert office.refusals == [(0, "connections")]


def test_one_address_has_its_share_unless_it_is_a_proxy_of_ours() -> None:
    office = Office()
    bench = Bench(office, LIMITS._replace(connections_per_address=2))
    _, other = bench.connect("192.0.2.7")
    wires = [bench.connect("198.51.100.7")[1] for _ in range(3)] + [bench.connect("192.0.2.99")[1] for _ in range(3)]
    assert [wire.closed for wire in wires] == [True, False, False, False, False, False]
    assert not other.closed
    assert office.refusals == [(0, "connections_of_one_address")]


def test_an_address_with_all_its_connections_busy_gets_no_other() -> None:
    bench = Bench(Office(answers_at_once=False), LIMITS._replace(connections_per_address=1))
    first, busy = bench.connect()
    first.data_received(POST)
    assert (bench.connect()[1].closed, busy.closed, bench.connect("192.0.2.7")[1].closed) == (True, False, False)


def test_while_the_process_is_behind_requests_are_refused_at_once() -> None:
    bench = Bench(Office())
    statuses = []
    for lag_s in (0.0, 0.3, 0.5, 0.2, 0.05):
        bench.connections.note_lag(lag_s)
        connection, wire = bench.connect()
        connection.data_received(POST)
        statuses += wire.statuses
    assert statuses == [200, 200, 503, 503, 200]
    assert bench.office.bodies == [b"body"] * 3


def test_its_share_is_free_again_when_a_connection_is_gone() -> None:
    bench = Bench(Office(), LIMITS._replace(connections_per_address=1))
    first, _ = bench.connect()
    first.connection_lost(None)
    assert not bench.connect()[1].closed


async def test_on_stopping_the_idle_go_and_the_busy_are_answered() -> None:
    office = Office(answers_at_once=False)
    bench = Bench(office)
    (first, idle), (busy, wire) = bench.connect(), bench.connect()
    busy.data_received(POST)
    stopping = asyncio.create_task(bench.connections.stop(60))
    await asyncio.sleep(0)
    assert (idle.closed, wire.closed, bench.connect()[1].closed) == (True, False, True)
    office.waiting[0].answer(Answer(200))
    assert b"Connection: close" in wire.written
    for connection in (first, busy):
        connection.connection_lost(None)
    await stopping


@pytest.mark.parametrize("patience_s", [0, 0.01])
async def test_what_does_not_end_is_closed_after_a_while(patience_s: float) -> None:
    bench = Bench(Office(answers_at_once=False))
    busy, wire = bench.connect()
    busy.data_received(POST)
    await bench.connections.stop(patience_s)
    assert wire.closed
