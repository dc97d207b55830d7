"""A stand-in of the process that fills a channel's named pipes in Pipe mode.

It makes ``CHANNEL_0`` and waits until somebody reads it, writes the channel's data, closes it, and only then makes
``CHANNEL_1``. A reader may close before the end: the agent gets EPIPE, notes it and goes on with the next epoch. What
is sent is what AWS's own sends, as far as it is documented: files of RecordIO one after the other, or, of an augmented
manifest, the values of the attributes in their order; of one that ends in ``-ref`` the object that its address names.

Where objects come from is a function from address to bytes: `local_objects` for files, or one of boto3's for S3.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

from trackforge.io.recordio import encode_record

__all__ = ["Epoch", "Objects", "PipeAgent", "local_objects", "of_files", "of_manifest", "s3_objects"]

Objects: TypeAlias = Callable[[str], bytes]
"""Gives the object at an address."""
GLANCE = 0.01
"""Seconds between two looks whether somebody reads."""
PIECE = 1 << 16
"""Bytes that are written at once, the size of a pipe."""


@dataclass(frozen=True)
class Epoch:
    """One pipe that was served: its number, the bytes that were taken, and whether those were all."""

    number: int
    sent: int
    whole: bool


def local_objects(folder: str | Path, prefix: str = "s3://bucket/") -> Objects:
    """Return objects that are the files of a folder, under addresses that begin with ``prefix``."""
    root = Path(folder)
    return lambda address: (root / address.removeprefix(prefix)).read_bytes()


def s3_objects(client: Any) -> Objects:
    """Return the objects that a boto3 client for S3 reaches, under addresses ``s3://bucket/key``."""

    def get(address: str) -> bytes:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    return get


def of_files(addresses: Sequence[str], objects: Objects) -> Callable[[int], Iterator[bytes]]:
    """Return what a channel of files sends in an epoch: one after the other, as they are."""
    return lambda _: (objects(address) for address in addresses)


def of_manifest(
    manifest: str, attributes: Sequence[str], objects: Objects, *, wrapped: bool = True, seed: int | None = None
) -> Callable[[int], Iterator[bytes]]:
    """Return what a channel with an augmented manifest sends in an epoch.

    Args:
        manifest: Its text, a JSON object a line.
        attributes: ``AttributeNames``.
        objects: Gives the objects that are named.
        wrapped: ``RecordWrapperType`` ``RecordIO``.
        seed: ``ShuffleConfig``: another order every epoch; none for that of the manifest.
    """
    lines = [json.loads(line) for line in manifest.splitlines() if line.strip()]

    def values(epoch: int) -> Iterator[bytes]:
        order = list(lines)
        if seed is not None:
            random.Random(f"{seed} {epoch}").shuffle(order)
        for line in order:
            for name in attributes:
                value = _sent(line[name], name, objects)
                yield encode_record(value) if wrapped else value

    return values


def _sent(value: Any, name: str, objects: Objects) -> bytes:
    if name.endswith("-ref"):
        return objects(value)
    return (value if isinstance(value, str) else json.dumps(value)).encode()


class PipeAgent:
    """Serves the pipes of one channel, in a thread, while its block runs.

    Args:
        folder: ``/opt/ml/input/data``.
        channel: Name of the channel.
        content: What an epoch sends: `of_files`, `of_manifest`.
        epochs: How many there are at most; none for no end.

    Attributes:
        served: Epochs that are over, in order.
        failure: What went wrong in the thread; raised at the end of the block.
    """

    def __init__(
        self,
        folder: str | Path,
        channel: str,
        content: Callable[[int], Iterable[bytes]],
        *,
        epochs: int | None = None,
    ) -> None:
        self._folder, self._channel, self._content, self._epochs = Path(folder), channel, content, epochs
        self.served: list[Epoch] = []
        self.failure: BaseException | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pipe of {channel}", daemon=True)

    def __enter__(self) -> PipeAgent:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._make(0)  # the platform has it ready before the container starts
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        if kind is None and self.failure is not None:
            raise self.failure

    def _make(self, epoch: int) -> Path:
        path = self._folder / f"{self._channel}_{epoch}"
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        return path

    def _run(self) -> None:
        try:
            epoch = 0
            while (self._epochs is None or epoch < self._epochs) and self._serve(epoch):
                epoch += 1
                if self._epochs is None or epoch < self._epochs:
                    self._make(epoch)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the thread
            self.failure = error

    def _serve(self, epoch: int) -> bool:
        """Serve a pipe; return whether somebody came for it."""
        pipe = self._opened(self._folder / f"{self._channel}_{epoch}")
        if pipe is None:
            return False
        sent, whole = 0, True
        try:
            for piece in self._content(epoch):
                taken = self._written(pipe, piece)
                sent += taken
                if taken < len(piece):  # the block ended
                    whole = False
                    break
        except BrokenPipeError:
            whole = False
        finally:
            os.close(pipe)
        self.served.append(Epoch(epoch, sent, whole))
        return True

    def _opened(self, path: Path) -> int | None:
        """Wait until somebody reads; None where the block ended before."""
        while not self._ending.is_set():
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # ENXIO: nobody reads yet
                time.sleep(GLANCE)
        return None

    def _written(self, pipe: int, content: bytes) -> int:
        """Write all of it, as fast as it is read, unless the block ends meanwhile; return how much was taken."""
        done = 0
        while done < len(content) and not self._ending.is_set():
            try:
                done += os.write(pipe, content[done : done + PIECE])
            except BlockingIOError:  # the pipe is full
                time.sleep(GLANCE / 10)
        return done
