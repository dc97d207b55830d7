"""What may vary: dimensions of a search, written ``section.setting = values``.

>>> parse("tracker.high_score", "0.3:0.8")
Range(name='tracker.high_score', low=0.3, high=0.8, whole=False, log=False, step=None)
>>> parse("tracker.max_lost", "10:90:int-log").whole
True
>>> parse("motion.name", "xyah, xywh").choices
('xyah', 'xywh')
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from trackforge.errors import ConfigError
from trackforge.runs.setups import SECTIONS, split_name
from trackforge.runs.values import written

if TYPE_CHECKING:
    import optuna

__all__ = ["Choice", "Dimension", "Range", "parse", "parse_all", "suggest"]

Value: TypeAlias = "float | int | str"


@dataclasses.dataclass(frozen=True)
class Range:
    """A number between two bounds, both inclusive.

    Attributes:
        name: ``section.setting``.
        low: Least value.
        high: Greatest value.
        whole: Whether only whole numbers count.
        log: Whether doubling counts the same everywhere in the range.
        step: Distance of the values tried, or None for all.

    Raises:
        ConfigError: The bounds are the wrong way round, or do not go with log or step.
    """

    name: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"{self.name}: a range goes from less to more; got {self.low:g}:{self.high:g}.")
        if self.whole and not (float(self.low).is_integer() and float(self.high).is_integer()):
            raise ConfigError(f"{self.name}: whole numbers need whole bounds; got {self.low:g}:{self.high:g}.")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ConfigError(f"{self.name}: log needs bounds above 0 and no step; got {self}.")
        if self.step is not None and not (0 < self.step <= self.high - self.low):
            raise ConfigError(f"{self.name}: step must be > 0 and fit into the range; got {self.step:g}.")
        if self.whole and self.step is not None and not float(self.step).is_integer():
            raise ConfigError(f"{self.name}: whole numbers need a whole step; got {self.step:g}.")

    def __str__(self) -> str:
        words = [word for word, on in (("int", self.whole), ("log", self.log)) if on]
        words += [] if self.step is None else [f"step={self.step:g}"]
        return ":".join([f"{self.low:g}", f"{self.high:g}", *(["-".join(words)] if words else [])])

    def holds(self, value: Any) -> bool:
        """Whether a value could be suggested."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high or (self.whole and not float(value).is_integer()):
            return False
        return self.step is None or abs((value - self.low) / self.step - round((value - self.low) / self.step)) < 1e-9

    def suggested(self, value: Any) -> Value:
        """Return a value as `suggest` gives it."""
        return int(value) if self.whole else float(value)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values, in the form in which they are written on a command line.

    Attributes:
        name: ``section.setting``, or ``section.name`` to choose between components.
        choices: At least two.

    Raises:
        ConfigError: There is only one choice, or one stands there twice.
    """

    name: str
    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            listed = ",".join(self.choices)
            raise ConfigError(f"{self.name}: a choice needs two different values at least; got {listed!r}.")

    def __str__(self) -> str:
        return ",".join(self.choices)

    def holds(self, value: Any) -> bool:
        """Whether a value could be suggested."""
        return written(value) in self.choices

    def suggested(self, value: Any) -> Value:
        """Return a value as `suggest` gives it."""
        return written(value)


Dimension: TypeAlias = "Range | Choice"


def parse(name: str, values: Any, sections: Sequence[str] = SECTIONS) -> Dimension:
    """Read a dimension from its name and ``"0.3:0.8"``, ``"10:90:int-log"``, ``"0:1:step=0.1"`` or ``"iou,giou"``.

    A list is a choice, too: ``[16, 32]``.

    Raises:
        ConfigError: It does not read so.
    """
    section, key = split_name(name, sections)
    name = f"{section}.{key}"
    if isinstance(values, (list, tuple)):
        return Choice(name, tuple(map(written, values)))
    if not isinstance(values, str):
        raise ConfigError(f'{name}: values must read like "0.3:0.8" or ["a", "b"]; got {values!r}.')
    if ":" not in values:
        return Choice(name, tuple(word.strip() for word in values.split(",") if word.strip()))
    low, high, *more = values.split(":", 2)
    options: dict[str, Any] = {}
    for word in more[0].split("-") if more else ():
        option, _, number = word.strip().partition("=")
        if option == "step" and number:
            options["step"] = _number(name, number)
        elif option in ("int", "log") and not number:
            options["whole" if option == "int" else "log"] = True
        else:
            raise ConfigError(f"{name}: a range may be int, log or step=NUMBER, joined by '-'; got {word!r}.")
    return Range(name, _number(name, low), _number(name, high), **options)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"{name}: a range must read LOW:HIGH, e.g. 0.3:0.8; got {text!r} where a number should be."
        ) from None


def parse_all(assignments: Iterable[str], table: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Collect ``section.setting=values`` from a command line, over the ``[search]`` table of a file; name to values.

    A name without values stands for the default range of that setting, and comes out as None.

    Raises:
        ConfigError: A name does not read so.
    """
    found: dict[str, Any] = {}
    for section, settings in (table or {}).items():
        if not isinstance(settings, Mapping):
            raise ConfigError(f'[search] must read tracker.high_score = "0.3:0.8"; got {section} = {settings!r}.')
        for key, values in settings.items():
            found[".".join(split_name(f"{section}.{key}"))] = values
    for assignment in assignments:
        name, equals, values = assignment.partition("=")
        found[".".join(split_name(name))] = values.strip() if equals else None
    return found


class _Trial(Protocol):
    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int: ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any: ...


def suggest(trial: optuna.trial.Trial | _Trial, dimensions: Sequence[Dimension]) -> dict[str, Value]:
    """Let a trial of Optuna choose a value in every dimension."""
    values: dict[str, Value] = {}
    for one in dimensions:
        if isinstance(one, Choice):
            values[one.name] = trial.suggest_categorical(one.name, one.choices)
        elif one.whole:
            step = int(one.step or 1)
            values[one.name] = trial.suggest_int(one.name, int(one.low), int(one.high), step=step, log=one.log)
        else:
            values[one.name] = trial.suggest_float(one.name, one.low, one.high, step=one.step, log=one.log)
    return values
