"""Hyperparameters as AWS's tools send them: always texts, and one value in four spellings.

=============================== ============ ======== ===========
sender                          ``dla_34``   ``True`` ``["car"]``
=============================== ============ ======== ===========
SDK v2 ``Estimator``, tuners    dla_34       True     ['car']
SDK v2 frameworks               "dla_34"     true     ["car"]
SDK v3 ``ModelTrainer``         dla_34       true     ["car"]
boto3, console                  any text
=============================== ============ ======== ===========

A tuner sends every number as text (``"0.00031"``). So a value is read as JSON, else as a literal of Python, else as the
text that it is, and then taken as the setting's declared type wants it: ``2024`` is a number for a number of epochs,
and a text for a name. Variables ``TRACKFORGE_TRAIN_NAME`` are hyperparameters of a lower rank.

Source: what the SDKs send, recorded in this plugin's tests.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trackforge.config import convert
from trackforge.errors import ConfigError

__all__ = ["UNSAID", "Hyperparameter", "converted", "from_arguments", "from_variables", "received"]

OTHERS = ("sagemaker_", "_")
"""Beginnings of what is meant for the toolkits, and of what tuners and the built-in algorithm keep to themselves."""
PREFIX = "TRACKFORGE_TRAIN_"
SHOWN = 80
LITERALS = ("True", "False", "None")


class _Unsaid:
    def __repr__(self) -> str:
        return "UNSAID"


UNSAID: Any = _Unsaid()
"""In the place of a value that says nothing: an empty text for a number, ``None`` where none is no choice."""


@dataclass(frozen=True)
class Hyperparameter:
    """A value that came.

    Attributes:
        name: As it came, but ``-`` became ``_``, and ``__`` the dot of our settings: ``train__epochs``.
        text: As it came, without the quotes that one more encoding put around it.
        value: What that text means by itself.
        variable: Of the environment, where it came from there.
    """

    name: str
    text: Any
    value: Any
    variable: str = ""

    @property
    def called(self) -> str:
        """What a message calls it."""
        return self.variable or f"Hyperparameter {self.name}"


def received(sent: Mapping[str, Any]) -> dict[str, Hyperparameter]:
    """Return the hyperparameters that are meant for a training, by name.

    >>> [(one.name, one.value) for one in received({"train__epochs": "3", "sagemaker_program": "x.py"}).values()]
    [('train.epochs', 3)]

    Raises:
        ConfigError: Two of them have one name.
    """
    found: dict[str, Hyperparameter] = {}
    for key, sent_value in sent.items():
        if key.startswith(OTHERS):
            continue
        name = key.replace("-", "_").replace("__", ".")
        if name in found:
            raise ConfigError(f"Every hyperparameter must be given once; {name} came in two spellings. Drop one.")
        text, value = _decoded(sent_value)
        found[name] = Hyperparameter(name, text, value)
    return found


def from_variables(environment: Mapping[str, str]) -> dict[str, Hyperparameter]:
    """Return the hyperparameters that variables say, by name; one that is set but empty says nothing.

    >>> [(one.name, one.value) for one in from_variables({"TRACKFORGE_TRAIN_TRAIN__EPOCHS": "3"}).values()]
    [('train.epochs', 3)]
    """
    found: dict[str, Hyperparameter] = {}
    for key in sorted(environment):
        if key.startswith(PREFIX) and environment[key]:
            name = key.removeprefix(PREFIX).lower().replace("__", ".")
            found[name] = Hyperparameter(name, *_decoded(environment[key]), key)
    return found


def from_arguments(arguments: list[str]) -> dict[str, str]:
    """Return the hyperparameters of a command line, ``--name value``, as AWS's toolkits give them to scripts.

    >>> from_arguments(["--epochs", "3", "--mot20", "--lr=-1e-4"])
    {'epochs': '3', 'mot20': 'True', 'lr': '-1e-4'}

    Raises:
        ConfigError: A word belongs to no name.
    """
    found: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or len(word) == 2:
            raise ConfigError(f"Hyperparameters must be given as --name value; got {word[:SHOWN]!r}.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            value = words.pop(0) if words and not words[0].startswith("--") else "True"
        found[name] = value
    return found


def converted(config: type, name: str, given: Hyperparameter, owner: str = "") -> Any:
    """Return a value as a setting of a config dataclass wants it, or `UNSAID`.

    Args:
        config: Declares the setting.
        name: Of the setting.
        given: The value.
        owner: Whose setting it is, for messages.

    Raises:
        ConfigError: There is no such setting, or neither meaning of the value is one for it.
    """
    try:
        return _fitting(config, name, given)
    except ConfigError as error:
        if given.value is None or given.text == "":
            return UNSAID
        raise ConfigError(f"{given.called}{f' of {owner}' if owner else ''}: {error}") from None


def _fitting(config: type, name: str, given: Hyperparameter) -> Any:
    try:
        return convert(config, {name: given.value})[name]
    except ConfigError:
        if given.value is given.text:
            raise
    return convert(config, {name: given.text})[name]


def _decoded(sent: Any, depth: int = 0) -> tuple[Any, Any]:
    """Return a text without further quotes, and what it means."""
    if not isinstance(sent, str):
        return sent, sent
    try:
        value = json.loads(sent)
    except (ValueError, RecursionError):
        value = _literal(sent)
    if isinstance(value, str) and value != sent and depth < 2:
        return _decoded(value, depth + 1)
    return sent, value


def _literal(text: str) -> Any:
    """Return what a literal of Python means; any other text as it is."""
    stripped = text.strip()
    if stripped not in LITERALS and not stripped.startswith(("[", "(", "{", "'", '"')):
        return text
    try:
        return ast.literal_eval(stripped)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
