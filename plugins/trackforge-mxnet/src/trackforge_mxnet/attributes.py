"""Settings of an operator as `symbol.json` has them: texts such as ``"(2, 2)"``, ``"1e-05"``, ``"None"``.

Reading them runs no code; what is malformed, unknown, or beyond what can be is refused with the node and its setting.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from trackforge.errors import WeightsError
from trackforge.intake.showing import visible

__all__ = ["Attributes", "UnknownSettingError"]

HIDDEN = frozenset({"ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage", "profiler_scope", "name"})
"""What a user may attach to any node; it changes nothing of its result."""
IDLE = frozenset({"cudnn_tune", "cudnn_off", "workspace", "num_args", "use_global_stats", "momentum", "ndev", "key"})
"""Settings of operators that matter to training, or to the speed of MXNet, only."""
MOST = 1 << 12
"""Longest text of a setting, and most members of a list."""
LARGEST = 2**40
"""Above every size, place and count that a network could have."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}L?", re.ASCII)


class UnknownSettingError(WeightsError):
    """An operator is known, but not with this setting."""


class Attributes:
    """Typed reading of one node's settings.

    Args:
        values: As the file has them.
        where: The node, for messages.
    """

    def __init__(self, values: Mapping[str, str], where: str) -> None:
        self.where = where
        self._values = {key: value for key, value in values.items() if not (key.startswith("__") or key in HIDDEN)}
        self._read: set[str] = set(IDLE)

    def _text(self, name: str) -> str | None:
        self._read.add(name)
        text = self._values.get(name)
        return None if text is None else text.strip()

    def text(self, name: str, default: str, choices: tuple[str, ...] = ()) -> str:
        """Return one of several words."""
        text = self._text(name)
        text = default if text is None or text == "None" else text
        if choices and text not in choices:
            raise self.refuse(name, f"must be one of {', '.join(choices)}")
        return text

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a truth: ``True``, ``False``, ``1``, ``0``."""
        text = self._text(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false", "1", "0"):
            raise self.refuse(name, "must be True or False")
        return text.lower() in ("true", "1")

    def whole(self, name: str, default: int | None = None, *, least: int = -LARGEST) -> int:
        """Return a whole number; without a default it must be there."""
        found = self.whole_or_none(name, default)
        if found is None or found < least:
            raise self.refuse(name, "must be a whole number" + ("" if least == -LARGEST else f" >= {least}"))
        return found

    def whole_or_none(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number, or None for ``None``."""
        text = self._text(name)
        if text is None:
            return default
        if text == "None":
            return None
        return self._whole(name, text)

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number; without a default it must be there."""
        text = self._text(name)
        if text is None or text == "None":
            if default is None:
                raise self.refuse(name, "must be there")
            return default
        return self._number(name, text)

    def number_or_none(self, name: str) -> float | None:
        """Return a number, or None where there is none."""
        text = self._text(name)
        return None if text is None or text == "None" else self._number(name, text)

    def wholes(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Return whole numbers; one alone stands for a list of it."""
        found = self.wholes_or_none(name, default)
        whole = tuple(number for number in found if number is not None)
        if len(whole) != len(found):
            raise self.refuse(name, "must be whole numbers")
        return whole

    def wholes_or_none(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int | None, ...]:
        """Return whole numbers, any of which may be ``None``; a lone ``None`` is an empty list."""
        parts = self._list(name)
        if parts is None:
            if default is None:
                raise self.refuse(name, "must be there")
            return default
        return tuple(None if part == "None" else self._whole(name, part) for part in parts)

    def numbers(self, name: str, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """Return numbers."""
        parts = self._list(name)
        if parts is None:
            if default is None:
                raise self.refuse(name, "must be there")
            return default
        return tuple(self._number(name, part) for part in parts)

    def has(self, name: str) -> bool:
        """Whether the file states a setting, be it as ``None``."""
        return self._text(name) is not None

    def left(self) -> list[str]:
        """Return the settings that nothing has asked for: what is not understood must not be passed over."""
        return sorted(self._values.keys() - self._read)

    def refuse(self, name: str, why: str) -> UnknownSettingError:
        """Return the error for a setting."""
        given = self._values.get(name)
        came = "it is missing" if given is None else f"got {visible(str(given)[:80])!r}"
        return UnknownSettingError(f"{self.where}: {name} {why}; {came}.")

    def _list(self, name: str) -> list[str] | None:
        text = self._text(name)
        if text is None:
            return None
        if len(text) > MOST:
            raise self.refuse(name, f"must be at most {MOST} characters long")
        if text == "None":
            return []
        if text[:1] + text[-1:] in ("()", "[]"):
            text = text[1:-1]
        return [part.strip() for part in text.split(",") if part.strip()]

    def _whole(self, name: str, text: str) -> int:
        if _WHOLE.fullmatch(text):
            number = int(text.rstrip("L"))
        elif _NUMBER.fullmatch(text) and len(text) < 40 and float(text).is_integer():
            number = int(float(text))
        else:
            raise self.refuse(name, "must be a whole number")
        if abs(number) > LARGEST:
            raise self.refuse(name, "must be a whole number that a network could have")
        return number

    def _number(self, name: str, text: str) -> float:
        if not _NUMBER.fullmatch(text.lower()) or len(text) > 400:
            raise self.refuse(name, "must be a number")
        number = float(text)
        if math.isnan(number):
            raise self.refuse(name, "must be a number")
        return number
