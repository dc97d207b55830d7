"""Every error that trackforge raises on purpose.

Each one says *what must hold; what came; what to do*, and inherits the builtin that a caller would expect, so
``except ValueError`` keeps working::

    TrackforgeError
    ├── ConfigError (ValueError)               a setting is unknown, of the wrong type or out of range
    ├── InvalidInputError (ValueError)         an array or argument breaks a convention (shape, NaN, inverted box)
    ├── DataError (ValueError)                 a file's content is malformed; carries path and line
    ├── SourceError (OSError)                  a video, camera or folder cannot be read
    │   └── MissingFileError (FileNotFoundError)   what was named does not exist
    ├── SinkError (OSError)                    a result cannot be written
    ├── StateError (ValueError)                a saved tracker state does not fit this tracker
    ├── WeightsError (ValueError)              weights are missing, damaged or of another model
    ├── TrainingError (RuntimeError)           training cannot go on: the loss is no number, say
    ├── DeviceError (RuntimeError)             an accelerator was asked for that is not there
    ├── MissingDependencyError (ImportError)   an optional package is absent; names what to install
    └── PluginError (RuntimeError)             a plugin misbehaves
        ├── UnknownComponentError (LookupError)    no component of that name; suggests the nearest
        └── DuplicateComponentError (ValueError)   two plugins offer one name
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "ConfigError",
    "DataError",
    "DeviceError",
    "DuplicateComponentError",
    "InvalidInputError",
    "MissingDependencyError",
    "MissingFileError",
    "PluginError",
    "SinkError",
    "SourceError",
    "StateError",
    "TrackforgeError",
    "TrainingError",
    "UnknownComponentError",
    "WeightsError",
    "did_you_mean",
]


class TrackforgeError(Exception):
    """Root of every error that trackforge raises on purpose."""


class ConfigError(TrackforgeError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class InvalidInputError(TrackforgeError, ValueError):
    """An array or argument breaks a convention stated in `trackforge.types`."""


class DataError(TrackforgeError, ValueError):
    """The content of a file is malformed.

    Attributes:
        path: The file, where known.
        line: 1-based line number, where known.
    """

    def __init__(self, message: str, *, path: str | Path | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(where + message)
        self.path = None if path is None else Path(path)
        self.line = line


class SourceError(TrackforgeError, OSError):
    """A video, camera, image folder or detection file cannot be read."""


class MissingFileError(SourceError, FileNotFoundError):
    """A file or folder that somebody named does not exist."""


class SinkError(TrackforgeError, OSError):
    """A result cannot be written.

    Attributes:
        path: The file, where known.
    """

    path: Path | None = None


class StateError(TrackforgeError, ValueError):
    """A saved tracker state does not fit the tracker that should load it."""


class WeightsError(TrackforgeError, ValueError):
    """Weights are missing, damaged or belong to another model."""


class TrainingError(TrackforgeError, RuntimeError):
    """Training cannot go on, since the loss or a weight is no longer a number."""


class DeviceError(TrackforgeError, RuntimeError):
    """An accelerator was asked for that this machine does not offer."""


class MissingDependencyError(TrackforgeError, ImportError):
    """An optional package is not installed; the message names what to install."""


class PluginError(TrackforgeError, RuntimeError):
    """A plugin does not keep the contract of `trackforge.registry`."""


class UnknownComponentError(PluginError, LookupError):
    """No installed plugin offers a component of that kind and name."""


class DuplicateComponentError(PluginError, ValueError):
    """Two plugins offer a component of the same kind and name."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known name, capitals apart, or an empty string.

    >>> did_you_mean("bite", ["byte", "sort"])
    " Did you mean 'byte'?"
    """
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""
