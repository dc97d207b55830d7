"""What somebody may not do, shown also where root runs the tests, who may do everything."""

from __future__ import annotations

import os
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def folder_of_lesser_user() -> Iterator[Path]:
    """Give a folder that `as_lesser_user` can get at; those of root's tests are shut to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_lesser_user(do: Callable[[], None]) -> None:
    """Run a part of a test as somebody who is not root: in a child where we are, whose failure becomes ours.

    What it needs must be imported already: root's own packages may be shut to others.
    """
    if os.geteuid() != 0:
        do()
        return
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child starts none and takes no lock
        child = os.fork()
    if child == 0:
        said = ""
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            do()
        except BaseException:  # noqa: BLE001 - all of it is told to the parent
            said = traceback.format_exc() or "failed"
        os.write(write, said.encode()[:60_000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        said = told.read()
    os.waitpid(child, 0)
    assert not said, said
