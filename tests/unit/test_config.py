"""Settings: every type from Python values, TOML values and strings; ranges, unknown keys and missing ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.config import build, check, convert, describe, setting
from trackforge.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Every:
    """One setting of each type."""

    number: float = setting(0.5, help="A ratio.", unit="IoU", minimum=0, maximum=1)
    count: int = setting(3, help="A count.", unit="frames", minimum=1)
    free: float = setting(0.0, help="Any number.")
    flag: bool = setting(False, help="A switch.")
    text: str = setting("a", help="A text.")
    path: Path = setting(Path("x"), help="A file.")
    choice: Literal["low", "high", 3] = setting("low", help="A choice.")
    maybe: float | None = setting(None, help="A number or none.", maximum=9)
    size: tuple[int, int] = setting((640, 480), help="A size.", unit="px", minimum=1)
    names: tuple[str, ...] = setting((), help="Names.")
    mixed: tuple[str | int, ...] | None = setting(None, help="Names or numbers.")
    table: Mapping[str, Any] | None = setting(None, help="Settings of something else.")
    anything: Any = setting(None, help="Whatever.")
    share: float = setting(0.5, help="An open interval.", above=0, below=1)
    words: tuple[str, ...] = setting((), help="Names, divided by commas too.", commas=True)
    span: tuple[float, float] = setting((0.0, 1.0), help="Two numbers.", minimum=0)
    patience: float = setting(1.0, help="A time, or for ever.", minimum=0, infinite=True)

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Required:
    """Two settings without default."""

    path: Path = setting(help="A file.")
    other: int = setting(help="A number.")
    third: int = setting(3, help="A number.")

    def __post_init__(self) -> None:
        check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bare:
    """No settings at all."""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("number", "0.25", 0.25),
        ("number", 1, 1.0),
        ("number", np.float32(0.5), 0.5),
        ("number", "1e-3", 0.001),
        ("count", "12", 12),
        ("count", 4.0, 4),
        ("count", np.int64(7), 7),
        ("flag", "true", True),
        ("flag", "Off", False),
        ("flag", "1", True),
        ("flag", True, True),
        ("text", "b", "b"),
        ("text", "", ""),
        ("path", "a/b.txt", Path("a/b.txt")),
        ("path", Path("c"), Path("c")),
        ("choice", "high", "high"),
        ("choice", "3", 3),
        ("choice", 3, 3),
        ("maybe", "none", None),
        ("maybe", None, None),
        ("maybe", "", None),
        ("maybe", "2", 2.0),
        ("maybe", 2, 2.0),
        ("size", "320x240", (320, 240)),
        ("size", "320, 240", (320, 240)),
        ("size", [320, 240], (320, 240)),
        ("names", "a, b", ("a", "b")),
        ("names", "", ()),
        ("words", ["a,b", "c"], ("a", "b", "c")),
        ("words", "a,b", ("a", "b")),
        ("share", "0.01", 0.01),
        ("patience", "inf", float("inf")),
        ("patience", float("inf"), float("inf")),
        ("names", ["a"], ("a",)),
        ("names", "axle", ("axle",)),
        ("mixed", "person,3", ("person", "3")),
        ("mixed", ["person", 3], ("person", 3)),
        ("mixed", "none", None),
        ("table", {"a": 1}, {"a": 1}),
        ("anything", [1, "x"], [1, "x"]),
    ],
)
def test_values_become_what_is_declared(name: str, value: object, expected: object) -> None:
    made = getattr(build(Every, {name: value}), name)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "half"),
        ("number", "1.5"),
        ("number", -0.1),
        ("number", True),
        ("number", float("nan")),
        ("number", None),
        ("number", [0.5]),
        ("free", float("nan")),
        ("free", "nan"),
        ("free", "-inf"),
        ("free", float("inf")),
        ("free", "1e999"),
        ("maybe", float("-inf")),
        ("span", "0.5,inf"),
        ("span", (0.5, float("inf"))),
        ("patience", "-inf"),
        ("count", "1.5"),
        ("count", 1.5),
        ("count", 0),
        ("count", "inf"),
        ("count", float("inf")),
        ("count", False),
        ("flag", "maybe"),
        ("flag", 1),
        ("flag", None),
        ("text", 3),
        ("path", 3),
        ("choice", "middle"),
        ("choice", None),
        ("choice", 4),
        ("maybe", "ten"),
        ("maybe", 10),
        ("size", "320"),
        ("size", (1, 2, 3)),
        ("size", "0x5"),
        ("size", 5),
        ("names", 5),
        ("names", [5]),
        ("table", "a=1"),
        ("mixed", [None]),
    ],
)
def test_values_that_do_not_fit_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"Every\.{name} must be"):
        build(Every, {name: value})
    if not isinstance(value, str):  # Python values meet the same check in the constructor
        with pytest.raises(ConfigError, match=rf"Every\.{name} must be"):
            Every(**{name: value})


def test_messages_say_what_must_hold_and_what_came() -> None:
    with pytest.raises(ConfigError, match=r"must be >= 0 and <= 1 IoU; got '7'"):
        build(Every, {"number": "7"})
    with pytest.raises(ConfigError, match=r"must be >= 1 frames; got 0"):
        build(Every, {"count": 0})
    for end in (0, 1):
        with pytest.raises(ConfigError, match=rf"share must be > 0 and < 1; got {end}"):
            build(Every, {"share": end})
    with pytest.raises(ConfigError, match=r"must be low \| high \| 3; got 'x' \(str\)"):
        build(Every, {"choice": "x"})
    with pytest.raises(ConfigError, match=r"must be list of str or int or none; got 5 \(int\)"):
        build(Every, {"mixed": 5})


def test_unknown_settings_are_refused_with_a_suggestion() -> None:
    with pytest.raises(
        ConfigError, match=r"Every has no setting 'cuont'. Did you mean 'count'\? It has: number, count"
    ):
        build(Every, {"cuont": 1})
    with pytest.raises(ConfigError, match=r"Bare has no setting 'x'. It has no settings at all."):
        build(Bare, {"x": 1})


def test_missing_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="Required needs a value for: path, other"):
        build(Required, {"third": 4})
    assert convert(Required, {"third": "4"}) == {"third": 4}


def test_hyphens_are_underscores_but_only_once() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Hyphen:
        high_score: float = setting(0.6, help="A number.")

    assert build(Hyphen, {"high-score": "0.7"}).high_score == 0.7
    with pytest.raises(ConfigError, match=r"high_score must be given once"):
        build(Hyphen, {"high-score": 1, "high_score": 2})


def test_describe_tells_everything_a_help_page_needs() -> None:
    settings = {s.name: s for s in describe(Every)}
    assert list(settings) == [f.name for f in dataclasses.fields(Every)]
    number = settings["number"]
    assert [settings[name].bounds for name in ("number", "count", "share", "text")] == [
        ">= 0 and <= 1",
        ">= 1",
        "> 0 and < 1",
        "",
    ]
    assert (number.default, number.unit, number.minimum, number.maximum, number.help) == (0.5, "IoU", 0, 1, "A ratio.")
    assert {name: s.type_name for name, s in settings.items()} == {
        "number": "float",
        "count": "int",
        "free": "float",
        "flag": "bool",
        "text": "str",
        "path": "path",
        "choice": "low | high | 3",
        "maybe": "float or none",
        "size": "int,int",
        "names": "list of str",
        "mixed": "list of str or int or none",
        "table": "Mapping or none",
        "anything": "Any",
        "share": "float",
        "words": "list of str",
        "span": "float,float",
        "patience": "float",
    }
    assert [s.required for s in describe(Required)] == [True, True, False]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive_as_text(value: float) -> None:
    assert build(Every, {"free": repr(value)}).free == value


@given(st.integers(min_value=1, max_value=2**53))
def test_ints_survive_as_text(value: int) -> None:
    assert build(Every, {"count": str(value)}).count == value


@given(st.lists(st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_lists_of_names_survive_as_text(names: list[str]) -> None:
    stripped = tuple(name.strip() for name in names)
    if ",".join(names).strip():
        assert build(Every, {"names": ",".join(names)}).names == stripped


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()), st.binary()))
def test_any_value_is_taken_or_refused_with_a_config_error(value: object) -> None:
    for name in (s.name for s in describe(Every)):
        try:
            made = getattr(build(Every, {name: value}), name)
        except ConfigError:
            continue
        if name == "number":
            assert isinstance(made, float)
            assert 0 <= made <= 1
        if name == "count":
            assert type(made) is int
            assert made >= 1
        if name == "free":
            assert isinstance(made, float)
            assert not isinstance(value, bool)
        # a second pass through the same door changes nothing
        again = getattr(build(Every, {name: made}), name)
        assert again == made
