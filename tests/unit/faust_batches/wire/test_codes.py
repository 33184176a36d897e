import pytest

from app.errors import BrokersError, FencedError
from app.faust_batches.wire.codes import check


def test_errors_that_may_pass_are_returned() -> None:
    """Coordinator loading or moved, leader moved, too few replicas, the transaction before not ended yet."""
    assert check("do", [0, 14, 15, 16, 6, 19, 51, 0]) == {14, 15, 16, 6, 19, 51}
    assert check("do", [0]) == set()


@pytest.mark.parametrize("code", [22, 25, 82])
def test_a_member_that_the_group_does_not_know_is_fenced(code: int) -> None:
    with pytest.raises(FencedError) as caught:
        check("commit offsets", [0, 14, code])
    assert caught.value.lost_generation


@pytest.mark.parametrize("code", [45, 47, 48, 49, 53, 59, 90])
def test_a_producer_that_the_brokers_do_not_know_is_fenced(code: int) -> None:
    """A week idle (49) as well as a successor (90) or a transaction that took too long (47)."""
    with pytest.raises(FencedError) as caught:
        check("end the transaction", [code])
    assert not caught.value.lost_generation


def test_anything_else_ends_the_worker_with_what_and_why() -> None:
    with pytest.raises(BrokersError, match=r"produce: refused by the brokers, MessageSizeTooLargeError \(10\)"):
        check("produce", [6, 10])
