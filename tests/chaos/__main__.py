"""Run the product under kills, rebalances and broker restarts, and compare all it wrote with an offline oracle."""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.chaos.checking_poison import told
from tests.chaos.faults import Plan
from tests.chaos.load import Shape
from tests.chaos.run import Options, Outcome, run

_SMALL = 100_000
_SHOWN_CAUSES = 5


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000, help="webhooks, copies included")
    parser.add_argument("--duplicates", type=float, default=0.1, help="share of webhooks that are exact copies")
    parser.add_argument("--near-duplicates", type=float, default=0.05, help="share sent again in other bytes")
    parser.add_argument("--shuffle-hours", type=float, default=24, help="how late a webhook may be; 1000: any order")
    poison = "pieces of poison, as a share of the webhooks; each kind at least once, unless 0"
    parser.add_argument("--poison", type=float, default=0.005, help=poison)
    parser.add_argument("--kills", type=int, default=3, help="workers killed with SIGKILL, half at a chosen point")
    parser.add_argument("--rebalances", type=int, default=2, help="workers that join or leave")
    parser.add_argument("--broker-restarts", type=int, default=0, help="brokers stopped or killed, and started")
    parser.add_argument("--broker-pauses", type=int, default=0, help="brokers frozen for a while")
    parser.add_argument("--pause-s", type=float, default=60, help="how long a frozen broker stays frozen, seconds")
    parser.add_argument("--freezes", type=int, default=0, help="workers frozen past their session time-out")
    parser.add_argument("--workers", type=int, default=2, help="workers at the start")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="brokers; 3: all is replicated 3 times")
    parser.add_argument("--partitions", type=int, default=4, help="partitions of every topic")
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory", help="where rows are kept")
    parser.add_argument("--seed", type=int, default=1, help="of the load and of the faults")
    parser.add_argument("--base", type=int, default=0, help="the load's present, seconds since 1970; 0: now")
    parser.add_argument("--timeout-s", type=float, default=3600, help="how long the work may take after all faults")
    replay = "process the raw topics again with a new version; default: up to %d events" % _SMALL  # noqa: UP031 - argparse formats with %
    parser.add_argument("--replay", action=argparse.BooleanOptionalAction, help=replay)
    random_ids = "transactional ids nobody can guess: the group's generation alone fences"
    parser.add_argument("--random-ids", action="store_true", help=random_ids)
    parser.add_argument("--may-crash", action="store_true", help="clean also if workers ended by themselves")
    arguments = parser.parse_args(given)
    if arguments.poison and arguments.partitions == 1:
        parser.error("--poison needs two partitions at least: some of it lies in the wrong one")
    return arguments


def options_of(given: Sequence[str]) -> Options:
    """Return what a command line asks for."""
    arguments = _arguments(given)
    base = arguments.base or int(time.time())
    return Options(
        Shape(
            arguments.events,
            arguments.duplicates,
            arguments.near_duplicates,
            arguments.shuffle_hours,
            arguments.poison,
            arguments.seed,
            base * 1_000_000,
        ),
        Plan(
            arguments.kills,
            arguments.rebalances,
            arguments.broker_restarts,
            arguments.broker_pauses,
            arguments.pause_s,
            arguments.freezes,
        ),
        arguments.workers,
        arguments.brokers,
        arguments.partitions,
        arguments.store,
        arguments.events <= _SMALL if arguments.replay is None else arguments.replay,
        arguments.timeout_s,
        arguments.random_ids,
        arguments.may_crash,
    )


def report(outcome: Outcome) -> list[str]:
    """Return what a person wants to read; the last line is the verdict."""
    lines = [f"{outcome.killed} workers killed, {len(outcome.crashed)} ended by themselves and were replaced"]
    lines += outcome.left_badly[:3]
    lines += _causes(outcome.crashed)
    lines += told(outcome.poison)
    if outcome.late:
        lines.append(f"when the work was over: {', '.join(outcome.late)}")
    lines += outcome.findings.summary()
    if outcome.replayed is not None:
        lines += outcome.replayed.summary()
        lines.append(f"replayed: {outcome.replayed.line()}")
    crashed = "" if outcome.may_crash else f" crashed={len(outcome.crashed)}"
    return [*lines, f"{outcome.findings.line()}{crashed}"]


def _causes(last_words: list[str]) -> list[str]:
    """Return an example of each way in which workers ended by themselves, by the last line of what they said."""
    causes = Counter(words.strip().rpartition("\n")[2] for words in last_words)
    examples = {words.strip().rpartition("\n")[2]: words for words in last_words}
    return [f"{count} times: {examples[cause]}" for cause, count in causes.most_common(_SHOWN_CAUSES)]


def main() -> int:
    """Run once; returns 1 on any difference, or if a worker ended by itself."""
    # as Ctrl-C: workers and brokers end with it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = options_of(sys.argv[1:])
    print(f"seed {options.shape.seed}, base {options.shape.base // 1_000_000}, {options}", flush=True)  # noqa: T201
    outcome = asyncio.run(run(options))
    print("\n".join(report(outcome)))  # noqa: T201 - its purpose
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
