"""Signals to our own process: asked for once, enforced twice."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from trackforge.runs import stopping
from trackforge.runs.stopping import Stopping

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def send(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.05)


def clocks() -> list[threading.Timer]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and thread.is_alive()]


@SIGNALS
def test_a_first_signal_asks_and_a_second_enforces(number: int) -> None:
    before = signal.getsignal(number)
    with Stopping() as stop:
        stop.patient = True
        send(number)
        assert stop.signal == number
        assert stop.exit_code == 128 + number
        with pytest.raises(SystemExit) as raised:
            send(number)
        assert raised.value.code == 128 + number
    assert signal.getsignal(number) is before


@SIGNALS
def test_nobody_looking_means_at_once(number: int) -> None:
    with Stopping(), pytest.raises(SystemExit):
        send(number)


def test_time_runs_out_only_while_frames_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "GRACE", 600)
    with Stopping() as stop:
        stop.patient = True
        send(signal.SIGINT)
        assert not clocks()  # outputs being finished: nothing comes in between
    with Stopping() as stop:
        stop.patient = stop.waiting = True
        send(signal.SIGINT)
        (clock,) = clocks()
        stop.settled()
        clock.join(300)
        assert not clock.is_alive()
    monkeypatch.setattr(stopping, "GRACE", 0.2)
    with Stopping() as stop:
        stop.patient = stop.waiting = True
        send(signal.SIGINT)
        with pytest.raises(SystemExit):
            threading.Event().wait(300)


def test_without_a_signal_nothing_changes() -> None:
    with Stopping() as stop:
        stop.patient = True
    assert stop.exit_code == 0


def test_outside_the_main_thread_it_stays_out_of_the_way() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def inside() -> None:
        with Stopping():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]
