"""Parameters of an operation, in a path, behind ``?`` or in a JSON object: declared once, and checked as declared."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from trackforge.errors import did_you_mean
from trackforge.intake.showing import visible
from trackforge.serving.http.denials import BadRequest
from trackforge.serving.refusals import TooLarge

__all__ = ["LONGEST_OBJECT", "Parameter", "json_object", "object_schema", "values_of"]

_NAMES = {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object"}
_WHOLE, _NUMBER = re.compile(r"-?[0-9]{1,19}"), re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$"
"""What any text must match: no control characters (`trackforge.intake.showing.visible`)."""
LONGEST = 1024
"""Characters of a text where nothing else is said."""
LONGEST_OBJECT = 256 << 10
"""Bytes of a JSON object; whatever is asked for in one is short."""
DEEPEST = 32
"""Objects within objects that a body may have."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: As it is written.
        kinds: Its type, or its types: int, float, str, bool, or dict for an object.
        help: One sentence.
        required: Whether it must be given.
        minimum: Least number.
        maximum: Greatest number.
        longest: Most characters of a text.
        pattern: What a text must match as a whole.
        choices: Texts that it may be.
        example: For the description.
    """

    name: str
    kinds: type | tuple[type, ...]
    help: str = ""
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    longest: int = LONGEST
    pattern: str = ""
    choices: tuple[str, ...] = ()
    example: Any = None

    @property
    def types(self) -> tuple[type, ...]:
        """Its types, as a tuple."""
        return self.kinds if isinstance(self.kinds, tuple) else (self.kinds,)

    def schema(self) -> dict[str, Any]:
        """Return it as a JSON schema."""
        names = [_NAMES[one] for one in self.types]
        made: dict[str, Any] = {"type": names[0] if len(names) == 1 else names}
        if str in self.types:
            made |= {"maxLength": self.longest}
            made |= {} if self.choices else {"pattern": f"^(?:{self.pattern})$" if self.pattern else PLAIN}
            made |= {"enum": list(self.choices)} if self.choices else {}
        made |= {} if self.minimum is None else {"minimum": self.minimum}
        made |= {} if self.maximum is None else {"maximum": self.maximum}
        made |= {} if self.example is None else {"examples": [self.example]}
        return made

    def read(self, text: str) -> Any:
        """Return the value of a text, as it stands behind ``?`` or in a path.

        Raises:
            BadRequest: It is none.
        """
        for kind in self.types:
            if kind is int and _WHOLE.fullmatch(text):
                return self.check(int(text))
            if kind is float and _NUMBER.fullmatch(text):
                return self.check(float(text))
            if kind is bool and text in ("true", "false"):
                return text == "true"
            if kind is str:
                return self.check(text)
        return self._refuse(text)

    def check(self, value: Any) -> Any:
        """Return a value as it may be used; whole numbers become floats where these are meant.

        Raises:
            BadRequest: It is of another type, or out of range.
        """
        numeric = not isinstance(value, bool) and isinstance(value, (int, float))
        if numeric and float in self.types and int not in self.types:
            value = _as_float(value)
        right = bool in self.types if isinstance(value, bool) else isinstance(value, self.types)
        if not right:
            self._refuse(value)
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(value)
        if isinstance(value, str):
            wrong = len(value) > self.longest or (self.choices and value not in self.choices)
            if wrong or (self.pattern and not re.fullmatch(self.pattern, value)) or visible(value, keep="") != value:
                self._refuse(value)
        elif numeric and (
            (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum)
        ):
            self._refuse(value)
        return value

    def _refuse(self, value: object) -> NoReturn:
        names = [_NAMES[one] for one in self.types]
        what = ", ".join(map(repr, self.choices)) or " or ".join(f"{_article(name)} {name}" for name in names)
        signs = ((">=", self.minimum), ("<=", self.maximum))
        bounds = " and ".join(f"{sign} {bound:g}" for sign, bound in signs if bound is not None)
        if str in self.types and not self.choices:
            bounds = f"of at most {self.longest} plain characters"
            bounds += f" that match {self.pattern}" if self.pattern else ""
        shown = ascii(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        what = f"{what} {bounds}" if bounds else what
        raise BadRequest(f"{self.name} must be {what}; got {shown}. Change it, or leave it out.")


def _article(name: str) -> str:
    return "an" if name[0] in "aio" else "a"


def values_of(parameters: Sequence[Parameter], given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what is given as texts by name.

    Raises:
        BadRequest: A name is unknown or there twice, a value is wrong or missing.
    """
    known = {one.name: one for one in parameters}
    values: dict[str, Any] = {}
    for name, text in given:
        if name not in known:
            _unknown(name, known)
        if name in values:
            raise BadRequest(f"{name} must be given once; got it twice. Drop one.")
        values[name] = known[name].read(text)
    _complete(parameters, values)
    return values


def json_object(body: bytes, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the members of a JSON object; an empty body is an empty object.

    Raises:
        BadRequest: It is no such object, a member is unknown or there twice, a value is wrong or missing.
    """
    values = {}
    known = {one.name: one for one in parameters}
    for name, value in _parsed(body).items():
        if name not in known:
            _unknown(name, known)
        values[name] = known[name].check(value)
    _complete(parameters, values)
    return values


def object_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the JSON schema of an object with these members and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: one.schema() | {"description": one.help} for one in parameters},
        "required": [one.name for one in parameters if one.required],
    }


def _parsed(body: bytes) -> Mapping[str, Any]:
    if len(body) > LONGEST_OBJECT:
        raise TooLarge(f"A JSON body must have at most {LONGEST_OBJECT:,} bytes; got {len(body):,}. Say less.")
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
        deepest = depth = 0
        for mark in re.finditer(r"[\[{\]}]", text):
            depth += 1 if mark[0] in "[{" else -1
            deepest = max(deepest, depth)
        if deepest > DEEPEST:
            raise BadRequest(f"A JSON body must not be nested deeper than {DEEPEST}; got {deepest}. Flatten it.")
        parsed = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError, too
        raise BadRequest(f"The body must be a JSON object; it is not JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise BadRequest(f"The body must be a JSON object; got {type(parsed).__name__}. Write {{...}}.")
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadRequest("A JSON object must have each of its names once; got one twice. Drop one.")
    return made


def _no_constant(word: str) -> NoReturn:
    message = f"{word} is no number in JSON"
    raise ValueError(message)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _unknown(name: str, known: Iterable[str]) -> NoReturn:
    names = sorted(known)
    has = f"It has: {', '.join(names)}." if names else "It has none."
    shown = ascii(name) if len(name) <= 80 else ascii(name[:77]) + "..."
    raise BadRequest(f"The operation has no parameter {shown}.{did_you_mean(name, names)} {has}")


def _complete(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> None:
    missing = [one.name for one in parameters if one.required and one.name not in values]
    if missing:
        raise BadRequest(f"The operation needs {', '.join(missing)}. Give it.")
