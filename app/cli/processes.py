"""Several processes of one command, which share a port."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType

from app.errors import UndeliveredError

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CANNOT_RUN = 3
"""Exit code of one that says itself what is wrong."""
_AGAIN_S = 1.0
"""Least time between two starts of one that ends."""


class Processes:
    """Forks so many, starts those again that end by themselves, and passes signals on.

    To be used before there are threads or an event loop.
    """

    def __init__(self, count: int, run: Callable[[int], None], ended: Callable[[int], None]) -> None:
        self._count = count
        self._run = run
        """Is called in each with its number, from 1."""
        self._ended = ended
        """Is told the process id of one that has ended."""
        self._numbers: dict[int, int] = {}
        self._started_at: dict[int, float] = {}
        self._stopping = False

    def supervise(self) -> int:
        """Run them until SIGTERM or SIGINT; returns the exit code of the whole."""
        for each in _PASSED_ON:
            signal.signal(each, self._pass_on)
        for number in range(1, self._count + 1):
            self._start(number)
        code = 0
        while self._numbers:
            pid, status = os.wait()
            number = self._numbers.pop(pid, 0)
            self._ended(pid)
            ended_with = os.waitstatus_to_exitcode(status)
            if ended_with == CANNOT_RUN and not self._stopping:
                # the others cannot either, or it cannot the next time
                self._pass_on(signal.SIGTERM, None)
            if self._stopping:
                code = code or ended_with
            elif number:
                time.sleep(max(0.0, self._started_at[number] + _AGAIN_S - time.monotonic()))
                if not self._stopping:
                    self._start(number)
        return code

    def _start(self, number: int) -> None:
        self._started_at[number] = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            self._numbers[pid] = number
            return
        for each in _PASSED_ON:
            signal.signal(each, signal.default_int_handler if each is not signal.SIGHUP else signal.SIG_IGN)
        code = 0
        try:
            self._run(number)
        except KeyboardInterrupt:
            pass
        except UndeliveredError as error:
            print(f"undelivered: {error}", file=sys.stderr)  # noqa: T201 - as the command itself would
            code = CANNOT_RUN
        except BaseException:  # noqa: BLE001 - nobody else would show it
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = self._stopping or number != signal.SIGHUP
        for pid in self._numbers:
            os.kill(pid, number)
