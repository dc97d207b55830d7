"""One clock for a stream, whatever its time stamps do: strictly increasing seconds, with the gaps told.

Time stamps of files and cameras stand still (two pictures of one time), fall back by a little (a wrong order), start
again (an encoder was restarted, two recordings were joined), leap (a camera's clock was set) or are missing. Trackers,
sinks and speeds need seconds that increase, so the source mends them here, once, and nobody after it has to.
"""

from __future__ import annotations

import logging
import math

from trackforge.online.clock import Thousandfold

__all__ = ["Timeline"]

log = logging.getLogger(__name__)
NUDGE = 0.01
"""Frame intervals by which a picture whose stamp stands still comes after the one before it."""
GAP = 1.0
"""Seconds without a picture that are called a gap, where they are more than `GAP_FRAMES` frame intervals."""
GAP_FRAMES = 10
LEAP = 5.0
"""Seconds that the stamps of a live stream may be ahead of its pictures' arrival before they count as a new clock."""
TURN = 60.0
"""Seconds from one stamp to the next above which the end of a counter's range is taken for a new clock."""
PREROLL = 60.0
"""Seconds that the first stamp may be after the stated start before that is not believed."""
INTERVAL = 0.04
"""Seconds between frames where nobody states a rate."""


class Timeline:
    """Turns the time stamps of one stream into seconds since its first frame.

    The rules, for each picture in turn:

    * a stamp that increases is believed, also over a gap: time did pass;
    * one that stands still, or falls by less than a frame interval, puts the picture a little after the one before it;
      the stamps that follow mean what they meant. Where it stands for more than two pictures (a clock of whole seconds,
      or none at all), they count by their arrival, or else by the rate;
    * one that falls further begins a new clock: the picture comes as many frame intervals after the one before it as
      its position says or, where it is later, when it arrived, and the stamps that follow count from there. So does a
      stamp of a live stream that leaps far ahead of the picture's arrival, the first one after `rejoin`, and one that
      leaps ahead over the end of its counter: FFmpeg takes the second of two joined transport streams for the first
      one gone on after 26.5 hours;
    * without a stamp, or with one that is no finite number, the time of arrival counts, or else the rate.

    Stamps that are a thousand times as far apart as the rate says, which are milliseconds given as seconds, are
    believed like any others, and that is said.

    Args:
        name: Of the stream, for messages.
        rate: Frames per second as stated, or None.
        origin: The stamp that is second 0, or None for that of the first picture; so is one that the first picture's
            stamp contradicts.
        wrap: Seconds after which the stamps' counter begins again at 0, or None where it does not.

    Attributes:
        gaps: Gaps so far.
        restarts: New clocks so far, `rejoin` apart.
        missed: Frames that probably went missing right before the latest picture, by its arrival at a new clock.
    """

    def __init__(
        self, name: str, rate: float | None, *, origin: float | None = None, wrap: float | None = None
    ) -> None:
        self.name = name
        self.gaps = self.restarts = self.missed = 0
        self._rate = rate
        self._interval = 1 / rate if rate else INTERVAL
        self._origin = origin or 0.0
        self._wrap = wrap
        self._stamp = 0.0
        self._standing = 0  # how often the latest stamp was repeated
        self._thousandfold = Thousandfold()
        self._shift = 0.0  # what the stamps of the present clock lack
        self._fresh = origin is None  # whether the next stamp begins a clock
        self._lost = False  # whether that follows a lost connection
        self._last: float | None = None
        self._position = -1
        self._arrival = 0.0
        self._anchor = (0, 0.0)  # position and time from which pictures without stamps are counted

    def rejoin(self) -> None:
        """Expect a new clock: the stream was lost and connected to again."""
        self._fresh, self._lost = True, self._last is not None

    def place(self, position: int, stamp: float | None, arrival: float | None = None) -> float:
        """Return the seconds at which a picture was taken; more than for the one before it.

        Args:
            position: Place of the picture in the stream, lost ones counted; from 0 on.
            stamp: What the stream says, in seconds, or None.
            arrival: Seconds since the first picture came in, for a live stream.
        """
        last, self.missed = self._last, 0
        if stamp is not None and not math.isfinite(stamp):
            stamp = None
        if stamp is None:
            begin, since = self._anchor
            seconds = arrival if arrival is not None else since + (position - begin) / (self._rate or 1 / INTERVAL)
        elif self._fresh or self._misplaced(position, stamp) or self._restarted(stamp, arrival):
            seconds = self._begin(position, stamp, arrival)
        else:
            self._standing = self._standing + 1 if stamp == self._stamp and last is not None else 0
            seconds = stamp - self._origin + self._shift
            if self._standing > 1 and last is not None:
                steps = max(position - self._position, 1)
                seconds = last + steps * self._interval if arrival is None else max(seconds, arrival)
        if last is not None:
            if seconds <= last:
                seconds = max(last + NUDGE * self._interval, math.nextafter(last, math.inf))
            self._tell_gap(last, seconds)
            steps = max(position - self._position, 1)
            if self._rate and self._thousandfold.notices((seconds - last) * self._rate / steps):
                log.warning(
                    "%s: pictures are %.4g s apart, a thousand times what %.4g a second asks for; if the time stamps "
                    "are milliseconds, give them as seconds",
                    self.name,
                    seconds - last,
                    self._rate,
                )
        if stamp is not None:
            self._anchor, self._stamp = (position, seconds), stamp
        self._last, self._position, self._arrival = seconds, position, arrival or 0.0
        return seconds

    def _misplaced(self, position: int, stamp: float) -> bool:
        """Whether the first stamp contradicts the start that the container states."""
        return self._last is None and not 0 <= stamp - self._origin < PREROLL + self._interval * position

    def _restarted(self, stamp: float, arrival: float | None) -> bool:
        """Whether a stamp cannot be of the clock that went before."""
        if self._last is None:
            return False
        step = stamp - self._origin + self._shift - self._last
        leapt = arrival is not None and step > arrival - self._arrival + LEAP
        if self._wrap and step > TURN:
            leapt |= stamp // self._wrap != self._stamp // self._wrap
        # a clock that stood has its pictures ahead of its stamps; when it goes on, it is still the same
        goes_on = stamp >= self._stamp and self._anchor[0] == self._position
        if (step > -self._interval or goes_on) and not leapt:
            return False
        if not self.restarts:
            log.warning(
                "%s: the clock jumped by %.3f s and is taken for a new one; further jumps are only counted",
                self.name,
                step,
            )
        self.restarts += 1
        return True

    def _begin(self, position: int, stamp: float, arrival: float | None) -> float:
        """Let a new clock begin with this stamp."""
        seconds = arrival or 0.0
        if self._last is not None:
            # a clock that comes with the second picture says nothing of what was lost: nothing was
            counted = arrival is None or (self._fresh and not self._lost and self._rate is not None)
            frames = max(1, position - self._position) if counted else 1
            seconds = max(0.0 if counted else seconds, self._last + self._interval * frames)
            if arrival is not None and not counted:
                self.missed = max(0, round((arrival - self._arrival) * (self._rate or 0.0)) - 1)
        self._fresh, self._origin, self._shift, self._standing = False, stamp, seconds, 0
        return seconds

    def _tell_gap(self, last: float, seconds: float) -> None:
        gap = seconds - last
        if gap > max(GAP, GAP_FRAMES * self._interval):
            if not self.gaps:
                log.info(
                    "%s: no picture for %.1f s after second %.1f; further gaps are only counted", self.name, gap, last
                )
            self.gaps += 1
