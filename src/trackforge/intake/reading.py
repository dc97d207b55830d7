"""The one boundary of a reader: inside anything may go wrong, outside there are errors of ours that name the file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from trackforge.errors import DataError, MissingFileError, SourceError, TrackforgeError

__all__ = ["reading"]


@contextlib.contextmanager
def reading(path: str | Path, what: str = "The file") -> Iterator[None]:
    """Guard a block that reads ``path``; it also guards a function, as a decorator would, where the path is fixed.

    What is malformed in a foreseeable way should be named better inside, with its line: errors of ours pass unchanged.

    Args:
        path: The file or folder, for messages.
        what: What it must be: ``"A label file"``.

    Raises:
        MissingFileError: It is not there.
        SourceError: It cannot be opened: no permission, a folder, a name that no file can have.
        DataError: Anything else that goes wrong in the block.
    """
    try:
        yield
    except TrackforgeError:
        raise
    except FileNotFoundError as error:
        raise MissingFileError(f"{what} must exist; {error.filename or path} is not there. Check the path.") from error
    except OSError as error:
        raise SourceError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{what} must be text in UTF-8; this is not ({error.reason}).", path=path) from error
    except RecursionError as error:
        raise DataError(f"{what} must be readable; it is nested too deep. Is it damaged?", path=path) from error
    except MemoryError as error:
        raise DataError(f"{what} must fit into memory; it does not. Is it damaged?", path=path) from error
    except Exception as error:
        # A parser's own words, cut short: they may repeat the file
        why = " ".join(str(error).split())[:200] or "no reason given"
        raise DataError(f"{what} must be well-formed; {type(error).__name__}: {why}.", path=path) from error
