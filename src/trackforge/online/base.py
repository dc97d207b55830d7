"""What trackers over a `Population` have in common: the door, and saving and loading."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from trackforge.errors import InvalidInputError
from trackforge.online.population import Population
from trackforge.online.state import check_header, complete, header, translated
from trackforge.types import Detections, Frame, Tracks

__all__ = ["PopulationTracker"]


class PopulationTracker(ABC):
    """A `trackforge.protocols.Tracker` that keeps its tracks in a `Population`; subclasses write `_step`.

    Args:
        population: The tracks.
        name: The registered name of the tracker, which saved states carry.
        components: What the tracker is made of, by role: a state loads where these have the same names and settings.
    """

    def __init__(self, population: Population, name: str, **components: object) -> None:
        self._population, self._name, self._components = population, name, components
        self._free = [True]  # who works with the tracker takes it out: one step for all threads, and it can be copied

    def __len__(self) -> int:
        return len(self._population)

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        with self._turn():
            self._population.reset()

    def update(self, detections: Detections, frame: Frame, /) -> Tracks:
        """Advance by one frame; to be called for every frame, empty or not, in increasing ``frame.index``.

        Raises:
            InvalidInputError: These are no Detections and Frame, the frame's index (or timestamp, see `Clock`) does not
                increase, or embeddings changed their width; or another thread is in here at the same time.
            PluginError: A part of the tracker does not answer as it must.
            Exception: Whatever else a part of the tracker raises. After any of these the tracker is as it was before.
        """
        self._begin()
        before = self._population.snapshot()
        try:
            return self._step(detections, frame, self._population.advance(detections, frame))
        except BaseException:
            self._population.recall(before)
            raise
        finally:
            self._free.append(True)

    def _begin(self) -> None:
        """Refuse a second thread while one is at work: they would mix their frames."""
        try:
            self._free.pop()
        except IndexError:
            raise InvalidInputError(
                "A tracker must be used by one thread at a time; two came at once. Give each camera a tracker of its "
                "own, or put a lock around it."
            ) from None

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        self._begin()
        try:
            yield
        finally:
            self._free.append(True)

    @abstractmethod
    def _step(self, detections: Detections, frame: Frame, dt: float) -> Tracks:
        """Predict, associate, correct, retire, give birth; the population has gone ``dt`` frame intervals on."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on elsewhere: arrays, numbers, strings, and dicts of them."""
        with self._turn():
            return header(self._name, self._components) | self._population.state_dict()

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue exactly where `state_dict` was taken: every later result is the same to the last bit.

        Raises:
            StateError: The state is of another tracker, of other settings, or damaged. Nothing has changed then.
        """
        with self._turn(), complete():
            today = translated(state)
            check_header(today, self._name, self._components)
            self._population.load_state_dict(today)
