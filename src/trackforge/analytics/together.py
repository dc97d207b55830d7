"""The analytics of one sequence: the same steps for all, an answer under each name, readable at any time.

>>> from trackforge import Detections, Frame, Step, Tracks
>>> class Frames:
...     seen = 0
...     def update(self, step):
...         self.seen += 1
...         return {"frames": self.seen}
...     def result(self):
...         return {"frames": self.seen}
...     def reset(self):
...         self.seen = 0
>>> together = Together([Frames()])
>>> step = Step(frame=Frame(index=0, size=(8, 8)), detections=Detections.empty(), tracks=Tracks.empty())
>>> together.update(step).analytics
{'frames': {'frames': 1}}
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from trackforge.errors import InvalidInputError, PluginError, StateError
from trackforge.protocols import Analytic, Drawing, Eventful, Savable, StreamAware
from trackforge.registry import doors
from trackforge.types import Step, Stream

__all__ = ["Given", "Together"]

log = logging.getLogger(__name__)

Given: TypeAlias = "Iterable[Analytic | str] | Mapping[str, Analytic | str] | Together"
"""How analytics are given: one after the other, or by the names that their answers shall have."""
Guard: TypeAlias = "Callable[[str, str], AbstractContextManager[object]]"
"""Stands around every call of an analytic; called with its name and where the run is: ``"at frame 12"``."""


def _unguarded(name: str, where: str) -> AbstractContextManager[object]:  # noqa: ARG001 - see `Guard`
    return contextlib.nullcontext()


class Together:
    """Some analytics, by name, of which one thread at a time has the use.

    Args:
        given: Analytics, or names of such that need no settings. In a mapping the keys are the names of the answers;
            else that is the name by which an analytic was asked for, its attribute ``name``, or that of its class.
        guard: Stands around every call.
        lasting: Whether one that fails is left out from then on, rather than to take the others along: in a server.

    Attributes:
        members: The analytics by name.
        failures: Of a lasting one: what went wrong, by the name of who was left out.

    Raises:
        InvalidInputError: One is no analytic, or two have one name.
        UnknownComponentError: None has such a name.
    """

    def __init__(self, given: Given = (), guard: Guard = _unguarded, *, lasting: bool = False) -> None:
        self._guard, self._lasting = guard, lasting
        self.failures: dict[str, str] = {}
        self.members: dict[str, Analytic] = {}
        if isinstance(given, (str, bytes)):
            raise InvalidInputError(f"analytics must be a list; got {given!r}. Write analytics=[{given!r}].")
        if isinstance(given, Together):
            given = given.members
        pairs = given.items() if isinstance(given, Mapping) else ((None, one) for one in given)
        for key, one in pairs:
            made = doors.analytic(one) if isinstance(one, str) else one
            if isinstance(made, type) or not isinstance(made, Analytic):
                raise InvalidInputError(
                    "An analytic must be an object with update(), result() and reset(), or a name; got "
                    f"{made.__name__ if isinstance(made, type) else repr(made)}. See trackforge.protocols.Analytic."
                )
            name = key or (one if isinstance(one, str) else _name(made))
            if name in self.members:
                raise InvalidInputError(
                    f"Analytics need different names; two are called {name!r}. "
                    f'Give them names: analytics={{"{name}": ..., "{name}-2": ...}}.'
                )
            self.members[name] = made
        self._lock = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self.members)

    def open(self, stream: Stream) -> None:
        """Tell those that want to know about the stream."""
        with self._lock:
            for name, one in self._there():
                if isinstance(one, StreamAware):
                    with self._minded(name, "as it was told of the stream"):
                        one.open(stream)

    def update(self, step: Step) -> Step:
        """Return the step with what all know now, and what happened in it.

        Raises:
            PluginError: One gives no mapping.
        """
        if not self.members:
            return step
        known: dict[str, Mapping[str, Any]] = {}
        happened: list[Mapping[str, Any]] = []
        where = f"at frame {step.frame.index}"
        with self._lock:
            for name, one in self._there():
                with self._minded(name, where):
                    values = one.update(step)
                    news = one.events() if isinstance(one, Eventful) else ()
                    if not isinstance(values, Mapping):
                        raise PluginError(
                            f"update() must return a mapping; {type(one).__name__} gave {type(values).__name__}. "
                            "trackforge.testing.check_analytic shows what else it must do."
                        )
                    known[name] = values
                    happened += [{"analytic": name, **event} for event in news]
        return dataclasses.replace(step, analytics=known, events=tuple(happened))

    def result(self) -> dict[str, Mapping[str, Any]]:
        """Return what came of all steps so far, by name; of one that was left out, its ``problem``."""
        results: dict[str, Mapping[str, Any]] = {}
        with self._lock:
            for name, one in self._there():
                with self._minded(name, "as it was asked for its result"):
                    results[name] = one.result()
            for name in self.failures:  # why, may name files of this machine
                results[name] = {"problem": "It failed and was left out; the log says why."}
        return results

    def reset(self) -> None:
        """Let all forget everything."""
        with self._lock:
            self.failures.clear()
            for name, one in self.members.items():
                with self._guard(name, "as it was reset"):
                    one.reset()

    def draw(self, image: npt.NDArray[np.uint8], step: Step) -> None:
        """Let those that can draw into an RGB uint8 picture ``(H, W, 3)``."""
        with self._lock:
            for name, one in self._there():
                if isinstance(one, Drawing):
                    with self._minded(name, f"as it drew into frame {step.frame.index}"):
                        one.draw(image, step)

    @property
    def draws(self) -> bool:
        """Whether one of them can draw."""
        return any(isinstance(one, Drawing) for one in self.members.values())

    def state_dict(self) -> dict[str, Any]:
        """Return what those know that can go on elsewhere, by name."""
        with self._lock:
            return {name: one.state_dict() for name, one in self._there() if isinstance(one, Savable)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let each go on where its state was taken; what has none there begins anew.

        So does, where analytics are lasting, one whose state is of other settings.

        Raises:
            StateError: A state is not that of the analytic of its name.
        """
        if not isinstance(state, Mapping):
            raise StateError("The state of analytics must be one by name; it is not. Save it again.")
        with self._lock:
            for name, one in self.members.items():
                if name not in state or not isinstance(one, Savable):
                    continue
                try:
                    one.load_state_dict(state[name])
                except StateError as error:
                    if not self._lasting:
                        raise
                    log.warning("analytic %r begins anew, since its state does not fit: %s", name, error)
                    one.reset()

    def _there(self) -> list[tuple[str, Analytic]]:
        return [(name, one) for name, one in self.members.items() if name not in self.failures]

    @contextlib.contextmanager
    def _minded(self, name: str, where: str) -> Iterator[None]:
        """Stand around a call; let go of who fails in it, where the others shall go on."""
        try:
            with self._guard(name, where):
                yield
        except Exception as error:
            if not self._lasting:
                raise
            self.failures[name] = str(error) or type(error).__name__
            log.exception("analytic %r failed %s, and is left out from now on", name, where)


def _name(analytic: Analytic) -> str:
    said = getattr(analytic, "name", None)
    return said if isinstance(said, str) and said else type(analytic).__name__.lower()
