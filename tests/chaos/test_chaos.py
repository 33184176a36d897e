"""The headline, at the size of a test; `make chaos` does it at any size."""

from tests.chaos.__main__ import options_of, report
from tests.chaos.poison_mixing import KINDS
from tests.chaos.run import run

ARGUMENTS = (
    "--events 50000 --duplicates 0.1 --near-duplicates 0.05 --shuffle-hours 1000 --poison 0.005 "
    "--kills 3 --rebalances 2 --workers 2 --store memory --seed 20260506 --timeout-s 300 --replay"
)


async def test_every_row_equals_the_oracle_through_kills_and_rebalances() -> None:
    """50,000 webhooks in any order: none lost, doubled or astray, no worker poisoned; a replay gives the same rows."""
    outcome = await run(options_of(ARGUMENTS.split()))
    assert outcome.killed == 3
    assert outcome.clean, "\n".join(report(outcome))
    assert outcome.findings.rows > 20_000
    assert outcome.replayed is not None
    assert outcome.poison.keys() == KINDS.keys()
