"""Hyperparameters and environments as texts, in the one spelling that every reader of them takes alike.

SageMaker passes texts only. The container's parser (`trackforge_sagemaker.hyperparameters`) reads JSON, so that is what
is written, and read back before it is sent. Names have letters, digits and ``_`` only, and values no apostrophe: SDK v3
makes a shell script of both, which anything else breaks. A dot of our settings is written ``__``.

Source: Amazon SageMaker API Reference, ``CreateTrainingJob``: at most 100 of them, 256 letters a name, 2500 a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from trackforge.errors import ConfigError
from trackforge_sagemaker.hyperparameters import received

__all__ = ["environment_texts", "hyperparameter_texts"]

MOST = 100
LONGEST_NAME = 256
LONGEST_VALUE = 2500
LONGEST_VARIABLE = 512
NAME = re.compile(r"[A-Za-z0-9_]+")
VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def hyperparameter_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return hyperparameters as a job's request has them; None says nothing and is left out.

    >>> hyperparameter_texts({"trainer": "yolox", "train.epochs": 3, "ltrb": True, "classes": ["car"]})
    {'trainer': 'yolox', 'train__epochs': '3', 'ltrb': 'true', 'classes': '["car"]'}

    Raises:
        ConfigError: A name or a value cannot be sent, there are too many, or two have one name.
    """
    sent: dict[str, str] = {}
    for given, value in values.items():
        name = given.replace(".", "__").replace("-", "_")
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise ConfigError(
                f"A hyperparameter's name must be 1 to {LONGEST_NAME} letters, digits, '_' or '.'; got {given!r}."
            )
        if name in sent:
            raise ConfigError(f"Every hyperparameter must be given once; {name} came in two spellings. Drop one.")
        if value is not None:
            sent[name] = _text(name, value)
    if len(sent) > MOST:
        raise ConfigError(f"A job may have {MOST} hyperparameters; got {len(sent)}. Put settings in a run.toml.")
    return sent


def environment_texts(values: Mapping[str, Any], *, most: int = 100, longest: int = LONGEST_VARIABLE) -> dict[str, str]:
    """Return environment variables as requests have them; None says nothing and is left out.

    Args:
        values: By name.
        most: How many there may be.
        longest: Letters that a value may have.

    Raises:
        ConfigError: A name or a value cannot be sent, or there are too many.
    """
    sent = {name: value if isinstance(value, str) else _plain(value) for name, value in values.items()
            if value is not None}  # fmt: skip
    for name, text in sent.items():
        if not VARIABLE.fullmatch(name) or len(text) > longest:
            raise ConfigError(
                "An environment variable must have a name of letters, digits and '_' and a value of at most "
                f"{longest} letters; got {name!r} with {len(text)}."
            )
    if len(sent) > most:
        raise ConfigError(f"A request may have {most} environment variables; got {len(sent)}.")
    return sent


def _text(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else _plain(value)
    if "'" in text or len(text) > LONGEST_VALUE:
        raise ConfigError(
            f"The value of a hyperparameter must have no apostrophe and at most {LONGEST_VALUE} letters; {name} has "
            f"{text[:40]!r}, {len(text)} letters."
        )
    came = received({name: text})
    for one in came.values():
        meant = one.text if isinstance(value, str) else one.value
        if meant != _as_json(value):
            raise ConfigError(f"Hyperparameter {name} must mean one thing; {text!r} would be read as {meant!r}.")
    return text


def _plain(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigError(f"A value that is sent must be a text, number, switch or list; got {value!r}.") from None


def _as_json(value: Any) -> Any:
    return value if isinstance(value, str) else json.loads(_plain(value))
