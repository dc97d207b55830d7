"""Settings: one frozen dataclass serves as CLI flags, TOML table, SageMaker hyperparameters and documentation.

>>> @dataclasses.dataclass(frozen=True, kw_only=True)
... class GateConfig:
...     limit: float = setting(0.3, help="Least overlap of a pair.", unit="IoU", minimum=0, maximum=1)
...
...     def __post_init__(self) -> None:
...         check(self)
>>> build(GateConfig, {"limit": "0.5"})
GateConfig(limit=0.5)
>>> build(GateConfig, {"limt": 0.5})
Traceback (most recent call last):
    ...
trackforge.errors.ConfigError: GateConfig has no setting 'limt'. Did you mean 'limit'? It has: limit.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["Setting", "build", "check", "convert", "describe", "same_setting", "setting"]

T = TypeVar("T")
_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
_KEY = "trackforge"
_described: dict[type, tuple[Setting, ...]] = {}


def setting(
    default: Any = dataclasses.MISSING,
    *,
    help: str,  # noqa: A002 - the word users of every CLI library know
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    infinite: bool = False,
    commas: bool = False,
    flags: tuple[str, ...] | None = None,
    role: str = "",
) -> Any:
    """Declare one setting of a config dataclass.

    Args:
        default: Value where none is given; leave out to make the setting required.
        help: One sentence for help pages and documentation.
        unit: What the number counts, e.g. ``"px"``, ``"frames"``, ``"IoU"``.
        minimum: Least value allowed, inclusive.
        maximum: Greatest value allowed, inclusive.
        above: What the value must exceed.
        below: What the value must stay under.
        infinite: Whether infinity is a value like others, within the range; "for ever", say, or "no limit".
        commas: Of a list: whether each of its texts may hold several, divided by commas, as ``--flag a,b --flag c``.
        flags: Spellings on a command line, where it has a flag of its own and ``--name-of-the-setting`` is not the one;
            empty for no flag. That of a switch which is on by default turns it off.
        role: What it is in every component, for settings of a run such as ``conf`` (`trackforge.runs.habits`).
    """
    meta = {
        "help": help, "unit": unit, "minimum": minimum, "maximum": maximum, "above": above, "below": below,
        "infinite": infinite, "commas": commas, "flags": flags, "role": role,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata={_KEY: meta})


def same_setting(config: type, name: str) -> Any:
    """Declare a setting as another config dataclass declares it, so that help, range and default stand once."""
    declared = next(f for f in dataclasses.fields(cast("Any", config)) if f.name == name)
    return dataclasses.field(default=declared.default, metadata=declared.metadata)


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting as help pages and documentation show it; ``default`` is `dataclasses.MISSING` where required."""

    name: str
    annotation: Any
    default: Any
    help: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    infinite: bool = False
    commas: bool = False
    flags: tuple[str, ...] | None = None
    role: str = ""

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is dataclasses.MISSING

    @property
    def type_name(self) -> str:
        """The type as people read it: ``int``, ``float or none``, ``a | b`` for choices."""
        return _type_name(self.annotation)

    @property
    def bounds(self) -> str:
        """The range as people read it: ``>= 0 and < 1``, or empty."""
        signs = ((">=", self.minimum), (">", self.above), ("<=", self.maximum), ("<", self.below))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)

    def admits(self, number: float) -> bool:
        """Whether a number is within the range."""
        return (
            (self.minimum is None or number >= self.minimum)
            and (self.above is None or number > self.above)
            and (self.maximum is None or number <= self.maximum)
            and (self.below is None or number < self.below)
        )


def describe(config: type) -> tuple[Setting, ...]:
    """List the settings of a config dataclass, in the order of declaration."""
    if config not in _described:
        _described[config] = tuple(_settings(config))
    return _described[config]


def _settings(config: type) -> Iterator[Setting]:
    hints = typing.get_type_hints(config)
    for f in dataclasses.fields(cast("Any", config)):
        if not f.init:
            continue
        meta = f.metadata.get(_KEY, {})
        default = f.default
        if default is dataclasses.MISSING and f.default_factory is not dataclasses.MISSING:
            default = f.default_factory()
        yield Setting(f.name, hints[f.name], default, **meta)


def check(config: Any) -> None:
    """Check types and ranges of a config instance; to be called from ``__post_init__``.

    Whole numbers given for float settings become floats, strings given for paths become paths.

    Raises:
        ConfigError: A value has the wrong type or is out of range.
    """
    for s in describe(type(config)):
        given = getattr(config, s.name)
        value = _convert(s, given, type(config).__name__)
        if value is not given:
            object.__setattr__(config, s.name, value)


def build(config: type[T], settings: Mapping[str, Any]) -> T:
    """Make a config from a mapping, such as a TOML table or hyperparameters.

    Strings are converted to the declared type, so ``{"limit": "0.5"}`` does what it says.

    Raises:
        ConfigError: A key is unknown, a required one is missing, or a value is of the wrong type or out of range.
    """
    values = convert(config, settings)
    missing = [s.name for s in describe(config) if s.required and s.name not in values]
    if missing:
        raise ConfigError(f"{config.__name__} needs a value for: {', '.join(missing)}. Give one, e.g. {missing[0]}=...")
    return config(**values)


def convert(config: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Check some of the settings of a config, and convert their values to the declared types.

    Serves those who collect settings from several places, and want to tell which place a wrong one came from.

    Raises:
        ConfigError: A key is unknown or given twice, or a value is of the wrong type or out of range.
    """
    known = {s.name: s for s in describe(config)}
    values: dict[str, Any] = {}
    for key, value in settings.items():
        field = str(key).replace("-", "_")
        if field not in known:
            has = f"It has: {', '.join(known)}." if known else "It has no settings at all."
            raise ConfigError(f"{config.__name__} has no setting {key!r}.{did_you_mean(field, known)} {has}")
        if field in values:
            raise ConfigError(f"{config.__name__}.{field} must be given once; got it with '-' and with '_'. Drop one.")
        values[field] = _convert(known[field], value, config.__name__)
    return values


def _type_name(annotation: Any) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " | ".join(str(a) for a in args)
    if origin in (Union, types.UnionType):
        return " or ".join("none" if a is type(None) else _type_name(a) for a in args)
    if origin is tuple:
        return "list of " + _type_name(args[0]) if args[-1] is Ellipsis else ",".join(_type_name(a) for a in args)
    if annotation is Path:
        return "path"
    return getattr(annotation, "__name__", str(annotation))


class _Mismatch(Exception):  # noqa: N818 - a signal inside this module, never raised to callers
    pass


def _convert(s: Setting, value: Any, owner: str) -> Any:
    if s.commas and isinstance(value, (list, tuple)):
        words = (str(one).split(",") if isinstance(one, (str, Path)) else (one,) for one in value)
        value = tuple(word.strip() if isinstance(word, str) else word for some in words for word in some if word != "")
    try:
        out = _coerce(s.annotation, value)
    except _Mismatch:
        raise ConfigError(f"{owner}.{s.name} must be {s.type_name}; got {value!r} ({type(value).__name__}).") from None
    for number in out if isinstance(out, tuple) else (out,):
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            if number != number:
                raise ConfigError(f"{owner}.{s.name} must be a number; got {value!r}.")
            if math.isinf(number) and not s.infinite:
                raise ConfigError(f"{owner}.{s.name} must be a finite number; got {value!r}.")
            if not s.admits(number):
                unit = f" {s.unit}" if s.unit else ""
                raise ConfigError(f"{owner}.{s.name} must be {s.bounds}{unit}; got {value!r}.")
    return out


def _coerce(annotation: Any, value: Any) -> Any:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return value
    if origin is Literal:
        for choice in args:
            if value == choice or (isinstance(value, str) and value == str(choice)):
                return choice
        raise _Mismatch
    if origin in (Union, types.UnionType):
        return _coerce_union(args, value)
    if origin is tuple:
        return _coerce_tuple(args, value)
    if annotation is bool:
        return _coerce_bool(value)
    if annotation in (int, float):
        return _coerce_number(annotation, value)
    if annotation is Path:
        if isinstance(value, (str, Path)):
            return Path(value)
        raise _Mismatch
    plain = origin or annotation
    if not isinstance(plain, type) or getattr(plain, "_is_protocol", False) or isinstance(value, plain):
        return value  # objects handed over in Python: the component itself checks them
    raise _Mismatch


def _coerce_union(args: tuple[Any, ...], value: Any) -> Any:
    if type(None) in args and (value is None or (isinstance(value, str) and value.lower() in ("none", ""))):
        return None
    for choice in args:
        if isinstance(choice, type) and type(value) is choice:
            return value
    for choice in args:
        try:
            return _coerce(choice, value)
        except _Mismatch:
            continue
    raise _Mismatch


def _coerce_tuple(args: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if isinstance(value, str):
        if args[0] is int:  # a size may be written 640x480
            value = value.replace("x", ",")
        value = [part.strip() for part in value.split(",")] if value.strip() else []
    if not isinstance(value, (list, tuple)):
        raise _Mismatch
    if args[-1] is Ellipsis:
        return tuple(_coerce(args[0], v) for v in value)
    if len(args) != len(value):
        raise _Mismatch
    return tuple(_coerce(a, v) for a, v in zip(args, value, strict=True))


def _coerce_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise _Mismatch


def _coerce_number(kind: type, value: Any) -> Any:
    if isinstance(value, bool):
        raise _Mismatch
    if isinstance(value, str) or hasattr(value, "__float__") or hasattr(value, "__index__"):
        try:
            number = float(value)
            if kind is float:
                return number
            return int(value) if not isinstance(value, float) else int(number) if number == int(number) else _fail()
        except (TypeError, ValueError, OverflowError):
            raise _Mismatch from None
    raise _Mismatch


def _fail() -> int:
    raise _Mismatch
