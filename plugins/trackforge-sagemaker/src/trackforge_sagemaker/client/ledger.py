"""What was sent and what came of it, in a file beside the results: a run that was killed goes on from it.

A line of JSON a word, appended and flushed to the disk: a kill leaves at most half a line, the last. What counts of an
input is the last that was said of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trackforge.errors import DataError, SinkError
from trackforge_sagemaker.client.asynchronous import Submission

__all__ = ["Entry", "Ledger"]

NAME = "sent.jsonl"


@dataclass(frozen=True)
class Entry:
    """What is known of one input.

    Attributes:
        digest: Of its content and of who was asked for what (`asking`): another one is another input.
        state: ``sent``, ``done`` or ``failed``.
        sent: Where its result is to be.
        reason: Why it failed.
    """

    digest: str
    state: str
    sent: Submission
    reason: str = ""


class Ledger:
    """The ledger of a folder of results; for any number of threads of one process.

    Args:
        folder: Of the results; it is made.

    Raises:
        SinkError: The file cannot be written.
        DataError: It holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._known: dict[str, Entry] = {}
        self._guard = threading.Lock()
        with self._writing():
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._read()

    def get(self, name: str, digest: str) -> Entry | None:
        """Return what is known of an input that was asked like this."""
        with self._guard:
            entry = self._known.get(name)
        return entry if entry is not None and entry.digest == digest else None

    def note(self, name: str, entry: Entry) -> None:
        """Write down what is known of an input.

        Raises:
            SinkError: That cannot be written.
        """
        line = json.dumps({"name": name, **asdict(entry)}) + "\n"
        with self._guard, self._writing():
            with self.path.open("ab") as file:
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
            self._known[name] = entry

    def _read(self) -> None:
        text = self.path.read_bytes()
        whole, _, rest = text.rpartition(b"\n")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                told = json.loads(line)
                sent = Submission(**told["sent"])
                self._known[told["name"]] = Entry(told["digest"], told["state"], sent, told.get("reason", ""))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"A line must say name, digest, state and sent; this one does not ({error}). Move the file away to "
                    "send everything again.",
                    path=self.path,
                    line=number,
                ) from error
        if rest:  # half a line, of a run that was killed
            os.truncate(self.path, len(text) - len(rest))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (DataError, SinkError):
            raise
        except OSError as error:
            raise SinkError(
                f"{self.path} cannot be written: {error.strerror or error}. Choose another place."
            ) from error
