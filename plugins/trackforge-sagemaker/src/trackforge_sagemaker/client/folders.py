"""A folder of inputs through an asynchronous endpoint: so many at once, and resumable.

>>> run = AsyncFolder(AsyncEndpoint("films", place="s3://bucket/async"), Path("out"))  # doctest: +SKIP
>>> for done in run(sorted(Path("films").glob("*.mp4"))):  # doctest: +SKIP
...     print(done.name, done.path or done.reason)

What is done lies as ``NAME.out`` in the folder of results, where the detector ``response`` reads the answers of
pictures. `trackforge_sagemaker.client.ledger` remembers what was sent: after a kill nothing is sent twice that had been
taken on (a kill in the middle of the very call may). What another endpoint answered, or in another form, is no answer:
the input is sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from trackforge.errors import InvalidInputError
from trackforge.intake.names import relative_name
from trackforge_sagemaker.client.asynchronous import AsyncEndpoint, Submission
from trackforge_sagemaker.client.contents import asking, digest_of
from trackforge_sagemaker.client.failures import ModelFailedError
from trackforge_sagemaker.client.ledger import Entry, Ledger
from trackforge_sagemaker.client.messages import Notices
from trackforge_sagemaker.client.pacing import Pace
from trackforge_sagemaker.client.places import version_of

__all__ = ["AsyncFolder", "Done"]


@dataclass(frozen=True)
class Done:
    """What came of one input.

    Attributes:
        name: Of the input.
        path: Its result, or None where it failed.
        reason: Why it failed.
        before: Whether an earlier run had done it.
    """

    name: str
    path: Path | None
    reason: str = ""
    before: bool = False


class AsyncFolder:
    """Sends inputs and gathers their results.

    Args:
        endpoint: Who is asked.
        target: Folder of the results.
        accept: Which form is wanted.
        kind: Content type; guessed from endings where it is not given.
        ending: Of results: ``NAME`` + ``.out``.
        in_flight: Inputs that are sent and not done, at most.
        per_second: Calls a second, at most; None for no limit.
        patience: Seconds to wait for one; None for as long as it may live.
        notices: A queue that tells; S3 is looked at otherwise.
        again: Send what failed before once more.
        version: What is behind the endpoint's name, such as its configuration: what another answered is asked again.
    """

    def __init__(
        self,
        endpoint: AsyncEndpoint,
        target: Path,
        *,
        accept: str = "application/json",
        kind: str = "",
        ending: str = ".out",
        in_flight: int = 8,
        per_second: float | None = None,
        patience: float | None = None,
        notices: Notices | None = None,
        again: bool = False,
        version: str = "",
    ) -> None:
        self._endpoint, self._target, self._ledger = endpoint, target, Ledger(target)
        self._accept, self._kind, self._ending, self._again = accept, kind, ending, again
        self._in_flight, self._pace = in_flight, Pace(per_second)
        self._patience, self._notices, self._version = patience, notices, version
        self._stop = threading.Event()

    def __call__(self, inputs: Iterable[Path | str]) -> Generator[Done, None, None]:
        """Carry inputs out, and yield what came of each as it ends.

        An error that concerns all of them (credentials, the network) ends it; what is done stays, and what was sent is
        found again by the next run.

        Args:
            inputs: Files, or addresses in S3; each has a name of its own.

        Raises:
            AwsError: As above.
            InvalidInputError: Two inputs have one name.
        """
        named = self._named(inputs)
        self._stop.clear()
        with ThreadPoolExecutor(self._in_flight, "trackforge-async") as workers:
            waiting = iter(named.items())
            under_way: set[Future[Done]] = set()
            try:
                while True:
                    for name, source in waiting:
                        under_way.add(workers.submit(self.one, name, source))
                        if len(under_way) >= self._in_flight:
                            break
                    if not under_way:
                        return
                    ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for one in ended:
                        yield one.result()
            finally:
                self._stop.set()
                workers.shutdown(wait=False, cancel_futures=True)

    def one(self, name: str, source: Path | bytes | str) -> Done:
        """Carry one input out, unless it is done; raises as `__call__` does.

        Args:
            name: What its result is called, without the ending.
            source: A file, its bytes, or an address in S3.
        """
        path = self._target / f"{relative_name(name, 'An input')}{self._ending}"
        digest = self._digest(source)
        known = self._ledger.get(name, digest)
        if known is not None and known.state == "done" and path.is_file():
            return Done(name, path, before=True)
        if known is not None and known.state == "failed" and not self._again:
            return Done(name, None, known.reason, before=True)
        sent = known.sent if known is not None and known.state != "failed" else self._sent(name, digest, source)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._endpoint.fetch(sent, path, patience=self._patience, notices=self._notices, stop=self._stop)
        except ModelFailedError as error:
            self._ledger.note(name, Entry(digest, "failed", sent, error.reason))
            return Done(name, None, error.reason)
        self._ledger.note(name, Entry(digest, "done", sent))
        return Done(name, path)

    def _sent(self, name: str, digest: str, source: Path | bytes | str) -> Submission:
        self._pace.wait()
        sent = self._endpoint.submit(source, kind=self._kind, accept=self._accept, name=Path(name).name)
        self._ledger.note(name, Entry(digest, "sent", sent))
        return sent

    def _digest(self, source: Path | bytes | str) -> str:
        endpoint = self._endpoint
        content = f"{source} {version_of(endpoint.s3, source)}" if isinstance(source, str) else digest_of(source)
        return asking(
            content, endpoint=endpoint.name, region=endpoint.region, version=self._version, accept=self._accept,
            kind=self._kind,
        )  # fmt: skip

    def _named(self, inputs: Iterable[Path | str]) -> dict[str, Path | str]:
        named: dict[str, Path | str] = {}
        for one in inputs:
            name = one.name if isinstance(one, Path) else one.rstrip("/").rpartition("/")[2]
            if name in named:
                raise InvalidInputError(f"Inputs must have names of their own; {name} comes twice. Rename one.")
            named[name] = one
        return named
