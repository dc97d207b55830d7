"""What process 1 of a container has to do: hand signals on, gather orphans, end as the command ended.

The kernel gives process 1 no default actions: a SIGTERM for which it has no handler is lost, and children of others
that end stay as zombies until it waits for them. Source: pid_namespaces(7), after what tini and dumb-init do.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

__all__ = ["carry_out"]

HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def carry_out(act: Callable[[], int]) -> int:
    """Return what ``act`` returns; as process 1, let a child carry it out, and never return here.

    The container then ends with the child's exit code, or 128 and the signal's number, as a shell would say.
    """
    if os.getpid() != 1:
        return act()
    before = {number: signal.getsignal(number) for number in HANDED_ON}
    # Nothing may arrive between the fork and the handlers that it needs.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDED_ON)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        os.setpgid(0, 0)  # a terminal's Ctrl-C comes once, through process 1
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
        return act()

    def hand_on(number: int, _: FrameType | None) -> None:
        os.kill(child, number)

    for number in HANDED_ON:
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDED_ON)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            # Not sys.exit: what runs at exit belongs to the child.
            os._exit(code if code >= 0 else 128 - code)
