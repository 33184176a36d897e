from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gateway.http.answers import Answer
from app.gateway.http.connection import Connection
from tests.unit.gateway.http.wire import LIMITS, Bench, Office, Wire, talking

POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
SECRET = b"s3cr3t-in-the-url"


def test_a_request_is_taken_whole_and_answered() -> None:
    office = Office()
    with talking(office, POST) as (_, wire):
        assert office.bodies == [b"body"]
        (head,) = office.heads
        assert (head.method, head.path, head.headers["host"], head.address) == ("POST", "/x", "a", "192.0.2.1")
        first, *lines = wire.written.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert first == b"HTTP/1.1 200 OK"
        names = {line.partition(b":")[0].lower() for line in lines}
        assert names == {b"content-type", b"content-length", b"x-content-type-options", b"date"}
        assert wire.written.endswith(b"\r\n\r\n{}")
        assert not wire.closed


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_it_may_come_in_pieces_of_any_size(size: int) -> None:
    office = Office()
    bench = Bench(office)
    connection, wire = bench.connect()
    for start in range(0, len(POST), size):
        connection.data_received(POST[start : start + size])
    assert (office.bodies, wire.statuses) == ([b"body"], [200])


def test_a_chunked_body_is_put_together() -> None:
    office = Office()
    with talking(
        office, b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    ) as (
        _,
        wire,
    ):
        assert (office.bodies, wire.statuses) == ([b"abcde"], [200])


def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    office = Office(answers_at_once=False)
    with talking(office, POST + POST.replace(b"body", b"next") + POST[:20]) as (_, wire):
        assert (office.bodies, wire.paused) == ([b"body"], True)
        office.waiting[0].answer(Answer(200))
        assert office.bodies == [b"body", b"next"]
        office.waiting[1].answer(Answer(503))
        assert (wire.statuses, wire.paused) == ([200, 503], False)


def test_thousands_sent_ahead_are_neither_kept_nor_answered() -> None:
    office = Office(answers_at_once=False)
    with talking(office, POST * 5000) as (bench, wire):
        assert bench.connections.bytes_in_flight <= 20 * 4
        for _ in range(30):
            if office.waiting:
                office.waiting.pop(0).answer(Answer(200))
        assert len(wire.statuses) == 16
        assert b"Connection: close" in wire.written
        assert set(wire.statuses) == {200}


@pytest.mark.parametrize("path", [b"/x", b"/no"])
def test_thousands_that_are_answered_at_once_are_no_deep_calls(path: bytes) -> None:
    request = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path
    office = Office(answers_at_once=False)
    with talking(office, POST + request * 3000) as (_, wire):
        office.answers_at_once = True
        office.waiting.pop().answer(Answer(200))
        assert len(wire.statuses) == 16
    with talking(Office(), request * 3000) as (_, wire):
        assert len(wire.statuses) == 16


def test_a_client_that_does_not_read_is_not_read_and_goes_in_the_end() -> None:
    office = Office(answers_at_once=False)
    bench = Bench(office)
    connection, wire = bench.connect()
    connection.data_received(POST)
    connection.pause_writing()
    office.waiting[0].answer(Answer(200))
    assert wire.paused
    bench.pass_time(LIMITS.idle_timeout_s)
    assert wire.aborted


def test_one_that_reads_again_is_read_again() -> None:
    bench = Bench(Office())
    connection, wire = bench.connect()
    connection.pause_writing()
    connection.data_received(POST)
    assert wire.paused
    connection.resume_writing()
    assert not wire.paused


def test_a_client_that_is_gone_already_ends_nothing_but_itself() -> None:
    bench = Bench(Office())
    first, gone = bench.connect()
    first.data_received(POST[:10])
    gone.is_reset = True
    second, other = bench.connect()
    second.data_received(POST[:10])
    bench.pass_time(LIMITS.header_timeout_s)
    assert other.statuses == [408]


def test_a_fault_of_ours_is_a_500_for_one(caplog: pytest.LogCaptureFixture) -> None:
    office = Office()
    with talking(office, POST.replace(b"body", b"bang") + POST) as (_, wire):
        assert wire.statuses == [500, 200]
    (record,) = caplog.records
    assert "RuntimeError" in record.getMessage()


def test_a_body_of_tiny_pieces_takes_what_it_holds() -> None:
    office = Office(answers_at_once=False)
    chunks = b"".join(b"1\r\n%c\r\n" % (65 + number % 26) for number in range(9000))
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with talking(office, head + chunks) as (bench, _):
        assert bench.connections.bytes_in_flight == 9000
    with talking(office, head + chunks + b"0\r\n\r\n"):
        assert office.bodies == [bytes(65 + number % 26 for number in range(9000))]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET /x\r\n\r\n",
    ],
)
def test_no_host_no_other_coding_and_no_other_version(head: bytes) -> None:
    with talking(Office(), head) as (_, wire):
        assert wire.statuses == [400]


def test_a_target_as_to_a_proxy_is_taken() -> None:
    office = Office()
    with talking(office, POST.replace(b"/x", b"https://hooks.example/x?a=b")):
        assert (office.heads[0].path, office.heads[0].query) == ("/x", "a=b")


def test_an_answer_counts_once() -> None:
    office = Office(answers_at_once=False)
    with talking(office, POST) as (_, wire):
        for _ in range(2):
            office.waiting[0].answer(Answer(200))
        assert wire.statuses == [200]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /" + SECRET + b" HTTP/9.9\r\n\r\n", 400),
        (b"GET /\xff\xfe" + SECRET + b"\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET, 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /" + SECRET * 2000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nX: " + SECRET * 2000 + b"\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nX-Signature: a\r\nX-Signature: b\r\nContent-Length: 0\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n", 413),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999\r\n\r\n", 413),
        (
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2711\r\n"
            + b"x" * 10_001
            + b"\r\n0\r\n\r\n",
            413,
        ),
    ],
)
def test_what_is_no_proper_request_is_refused_without_being_echoed(data: bytes, status: int) -> None:
    office = Office()
    with talking(office, data) as (_, wire):
        assert wire.statuses == [status]
        assert office.bodies == []
        assert SECRET[:8] not in wire.written


def test_headers_without_end_are_given_up() -> None:
    bench = Bench(Office())
    connection, wire = bench.connect()
    connection.data_received(b"GET /x HTTP/1.1\r\nHost: a\r\n")
    for number in range(400):
        connection.data_received(b"X-%d: %s\r\n" % (number, b"y" * 50))
    assert wire.statuses == [431]


@pytest.mark.parametrize(("path", "statuses"), [(b"/x", [100]), (b"/no", [401])])
def test_a_body_is_invited_only_where_it_is_wanted(path: bytes, statuses: list[int]) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n" % path
    with talking(Office(), head) as (_, wire):
        assert wire.statuses == statuses


def test_a_refused_body_is_not_kept() -> None:
    office = Office()
    with talking(office, POST.replace(b"/x", b"/no")[:-1]) as (bench, wire):
        assert (bench.connections.bytes_in_flight, wire.statuses) == (0, [])
    with talking(office, POST.replace(b"/x", b"/no")) as (_, wire):
        assert (wire.statuses, wire.closed) == ([401], False)


def test_bodies_beyond_what_is_held_together_get_a_503() -> None:
    office = Office(answers_at_once=False)
    bench = Bench(office, LIMITS._replace(bytes_in_flight=11))
    (first, _), (second, wire) = bench.connect("192.0.2.99"), bench.connect("192.0.2.99")
    first.data_received(POST)
    first.data_received(POST[:-1])
    second.data_received(POST.replace(b"body", b"1234"))
    third, late = bench.connect("192.0.2.99")
    third.data_received(POST)
    assert late.statuses == [503]
    assert b"Retry-After: 1\r\n" in late.written
    assert bench.connections.bytes_in_flight == 11
    for exchange in office.waiting:
        exchange.answer(Answer(200))
    third.data_received(POST)
    assert wire.statuses == [200]


def test_one_address_may_hold_a_quarter_of_them() -> None:
    bench = Bench(Office(answers_at_once=False), LIMITS._replace(bytes_in_flight=40))
    statuses = []
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"):
        connection, wire = bench.connect(address)
        connection.data_received(POST)
        statuses.append(wire.statuses)
    assert statuses == [[], [], [503], []]


@pytest.mark.parametrize(
    ("sent", "seconds", "statuses"),
    [
        (b"", LIMITS.header_timeout_s, []),
        (POST[:10], LIMITS.header_timeout_s, [408]),
        (POST[:-1], LIMITS.answer_timeout_s, [408]),
        (POST, LIMITS.answer_timeout_s, [503]),
    ],
)
def test_every_wait_has_an_end(sent: bytes, seconds: float, statuses: list[int]) -> None:
    office = Office(answers_at_once=False)
    bench = Bench(office)
    connection, wire = bench.connect()
    connection.data_received(sent)
    bench.pass_time(seconds - 0.1)
    assert (wire.statuses, wire.closed) == ([], False)
    bench.pass_time(0.1)
    assert wire.statuses == statuses
    bench.pass_time(2)
    assert wire.closed


def test_a_trickle_does_not_put_the_end_off() -> None:
    bench = Bench(Office())
    connection, wire = bench.connect()
    connection.data_received(b"GET /x HTTP/1.1\r\nHost: a\r\n")
    for number in range(11):
        connection.data_received(b"X-%d: y\r\n" % number)
        bench.pass_time(1)
    assert wire.statuses == [408]


def test_between_two_requests_there_is_more_time() -> None:
    bench = Bench(Office())
    connection, wire = bench.connect()
    connection.data_received(POST)
    bench.pass_time(LIMITS.idle_timeout_s - 1)
    assert not wire.closed
    connection.data_received(POST)
    bench.pass_time(LIMITS.idle_timeout_s)
    assert (wire.statuses, wire.closed) == ([200, 200], True)


def test_a_client_that_goes_gives_its_visit_up() -> None:
    office = Office(answers_at_once=False)
    with talking(office, POST):
        pass
    assert office.given_up == [(0, "hung_up")]
    office.waiting[0].answer(Answer(200))  # nobody is there


def test_one_that_sends_no_more_still_gets_its_answer() -> None:
    office = Office(answers_at_once=False)
    bench = Bench(office)
    connection, wire = bench.connect()
    connection.data_received(POST)
    assert connection.eof_received()
    office.waiting[0].answer(Answer(200))
    assert wire.statuses == [200]


@pytest.mark.parametrize(
    ("head", "last"),
    [
        (b"POST /x HTTP/1.0\r\nContent-Length: 0\r\n\r\n", True),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", True),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
def test_a_connection_is_kept_as_the_client_wishes(head: bytes, last: bool) -> None:  # noqa: FBT001 - a case
    with talking(Office(), head) as (_, wire):
        assert (b"Connection: close" in wire.written) == last


def test_head_gets_the_head_alone() -> None:
    with talking(Office(), b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n") as (_, wire):
        assert b"Content-Length: 2\r\n" in wire.written
        assert wire.written.endswith(b"\r\n\r\n")


def flooded(connection: Connection, wire: Wire, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        if not wire.closed:
            connection.data_received(data[start : start + size])


MUTATIONS: list[Callable[[bytes, int, bytes], bytes]] = [
    lambda data, place, other: data[:place] + other + data[place:],
    lambda data, place, other: data[:place] + other + data[place + len(other) :],
    lambda data, place, other: data[:place] + data[place + len(other) :],
]


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from([POST, POST.replace(b"/x", b"/no"), b"GET / HTTP/1.0\r\n\r\n"]), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(MUTATIONS), st.floats(0, 1), st.binary(min_size=1, max_size=12)), max_size=5),
    st.integers(1, 300),
    st.booleans(),
)
def test_whatever_is_sent_nothing_is_raised_and_nothing_stays(
    requests: list[bytes],
    mutations: list[tuple[Callable[..., bytes], float, bytes]],
    size: int,
    at_once: bool,  # noqa: FBT001
) -> None:
    data = b"".join(requests)
    for mutate, where, other in mutations:
        data = mutate(data, int(where * len(data)), other)
    office = Office(answers_at_once=at_once)
    bench = Bench(office)
    connection, wire = bench.connect()
    flooded(connection, wire, data, size)
    while office.waiting:
        office.waiting.pop().answer(Answer(200))
    bench.pass_time(100)
    bench.pass_time(100)
    assert wire.closed
    assert set(wire.statuses) <= {100, 200, 400, 401, 408, 413, 431, 500}
    connection.connection_lost(None)
    assert bench.connections.bytes_in_flight == 0
    assert len(bench.connections) == 0
