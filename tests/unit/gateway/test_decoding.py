import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInputError
from app.gateway.decoding import decoded

LIMIT = 262_144


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@given(st.binary(max_size=3000))
def test_a_body_comes_back_however_it_was_packed(body: bytes) -> None:
    assert decoded(body, "", LIMIT) is body
    assert decoded(body, "identity", LIMIT) is body
    assert decoded(gzip.compress(body), "gzip", LIMIT) == body
    assert decoded(gzip.compress(body), "x-gzip", LIMIT) == body
    assert decoded(zlib.compress(body), "deflate", LIMIT) == body
    assert decoded(raw_deflate(body), "deflate", LIMIT) == body


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [LIMIT + 1, 100_000_000])
def test_a_bomb_is_not_unpacked_beyond_the_bound(coding: str, size: int) -> None:
    bomb = (gzip.compress if coding == "gzip" else zlib.compress)(bytes(size), 9)
    with pytest.raises(BadInputError, match=r"body: too much once it is unpacked"):
        decoded(bomb, coding, LIMIT)


def test_what_is_packed_more_than_a_hundredfold_is_refused_although_it_would_fit() -> None:
    packed = gzip.compress(bytes(200_000), 9)
    assert len(packed) < 2000
    with pytest.raises(BadInputError):
        decoded(packed, "gzip", 1_000_000)


@pytest.mark.parametrize(
    "body",
    [b"", b"plain", gzip.compress(b"x")[:-1], gzip.compress(b"x") + b"more", zlib.compress(b"x")[:-1], b"\x1f\x8b"],
)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_damage_is_told(body: bytes, coding: str) -> None:
    with pytest.raises(BadInputError, match=r"^body: "):
        decoded(body, coding, LIMIT)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "x-gzip", "deflate"]))
def test_nothing_else_is_raised(body: bytes, coding: str) -> None:
    with suppress(BadInputError):
        decoded(body, coding, LIMIT)
