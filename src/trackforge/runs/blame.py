"""Whose fault it was: what a component raises that is no error of trackforge's gets its name in front.

>>> from trackforge.runs.component import Component
>>> with blaming(Component("detector", "motion"), "at frame 12"):  # doctest: +IGNORE_EXCEPTION_DETAIL
...     raise KeyError("background")
Traceback (most recent call last):
    ...
trackforge.errors.PluginError: The detector 'motion' of trackforge-mot failed at frame 12: KeyError: 'background'. ...
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from trackforge.errors import PluginError, TrackforgeError
from trackforge.runs.component import Component
from trackforge.runs.facts import distribution
from trackforge.runs.stopwatch import Guard

__all__ = ["blaming", "guard"]

OWN = (TrackforgeError, BrokenPipeError, MemoryError)
"""What says itself what it is: an error of ours, nobody who reads our output any more, a machine that is too small."""


def guard(component: Component) -> Guard:
    """Return what a `Stopwatch` puts around the calls of a component."""
    return functools.partial(blaming, component)


@contextlib.contextmanager
def blaming(component: Component, where: str = "") -> Iterator[None]:
    """Name the component in what the block raises.

    KeyboardInterrupt, SystemExit and the like pass, as does what says itself what it is.

    Raises:
        PluginError: The block raised something else, which is its cause.
    """
    try:
        yield
    except OWN:
        raise
    except Exception as error:
        owner = distribution(component) or "?"
        said = f"{type(error).__name__}: {error}".rstrip(": .")
        which = f"The {component.kind} {component.name!r} of {owner} failed" + (f" {where}" if where else "")
        fault = f"This is a fault in {owner}, or in a library that it needs: report it there; --debug shows the line."
        if isinstance(error, OSError):  # the disk, the network, the camera: nobody's fault as yet
            fault = "--debug shows the line."
        raise PluginError(f"{which}: {said}. {fault}") from error
