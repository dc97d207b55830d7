"""The job: one sequence after the other through `trackforge.runs`, whatever becomes of the one before."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import trackforge
from trackforge.errors import SinkError, TrackforgeError
from trackforge.intake.addresses import without_secrets
from trackforge.intake.showing import visible
from trackforge.io.mot_labels import names_path
from trackforge.runs import Layer, RunPlan, Stopping, Summary, carry_out
from trackforge.runs.analyzing import plan_measured
from trackforge.runs.facts import distribution
from trackforge.runs.layers import content
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.processing.contents import digest
from trackforge_sagemaker.processing.inputs import Item
from trackforge_sagemaker.processing.ledger import DONE, Ledger, seen
from trackforge_sagemaker.processing.made_once import MadeOnce
from trackforge_sagemaker.processing.places import Place, placed, sweep
from trackforge_sagemaker.processing.saying import Said
from trackforge_sagemaker.processing.sharing import check_whole

__all__ = ["FAILED", "KEPT", "STOPPED", "Job"]

log = logging.getLogger(__name__)
FAILED, KEPT, STOPPED = "failed", "kept", "stopped"
HOPELESS = (errno.ENOSPC, errno.EROFS, errno.EACCES, getattr(errno, "EDQUOT", errno.ENOSPC))
"""Reasons why an output cannot be written that hold for all that would follow."""


@dataclass
class Job:
    """Sequences to track, and what has become of them.

    Args:
        said: The job and its settings.
        items: The sequences of this host.
        output: Folder of the results.
        alone: Whether there is no other sequence, on any host.
        ml: What the job says of its hosts and inputs.
        tell: Prints a line.

    Attributes:
        entries: What became of each sequence so far, as the ledger has it.
    """

    said: Said
    items: Sequence[Item]
    output: Path
    alone: bool
    ml: OptMl
    tell: Callable[[str], object]
    entries: list[dict[str, Any]] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def carry_out(self, stopping: Stopping) -> None:
        """Do what is to be done, until it is or somebody asks for a stop.

        Raises:
            TrackforgeError: A setting or the model is at fault, or no result can be written: nothing else would do
                better. What was done before stands.
        """
        if not self.items:
            return
        first = self._planned(self.items[0], self._placed("any"))
        detector = self._once(first)
        if detector.for_sequence("").settings == detector.settings:  # one for all sequences
            detector.create()  # a model that cannot be loaded is the job's fault, no sequence's
        host = self.ml.resources.host if len(self.ml.hosts) > 1 else ""
        ledger = Ledger(
            self.output, host, digest([trackforge.__version__, self.said.run.formats, self._settings(first)])
        )
        for number, item in enumerate(self.items, 1):
            head = f"[{number}/{len(self.items)}] {visible(item.name, keep='')}"
            known = ledger.kept(item) if self.said.run.resume else None
            if known is not None:
                self.entries.append({**known, "state": KEPT})
                self.tell(f"{head}: kept, {known.get('frames')} frames were tracked before")
                continue
            begin = time.monotonic()
            try:
                entry = self._done(item, head, stopping, ledger)
            except SinkError as error:
                self._failed(ledger, item, head, error)
                if isinstance(error.__cause__, OSError) and error.__cause__.errno in HOPELESS:
                    raise
                continue
            except SystemExit:
                self.entries.append(ledger.add(item, {"state": STOPPED}))
                raise
            except Exception as error:  # noqa: BLE001 - whatever one sequence does, the others are done
                self._failed(ledger, item, head, error)
                continue
            self.entries.append(ledger.add(item, entry))
            self.tell(
                f"{head}: {entry['state']}, {entry['frames']} frames, {entry['ids']} ids, "
                f"{time.monotonic() - begin:.1f} s"
            )
            if stopping.signal:
                return

    def _planned(self, item: Item, places: Sequence[Place]) -> RunPlan:
        into = [str(Path(places[-1]["path"]).parent)] if self.said.measures else []
        last = Layer("", sinks=places, options={"sources": (str(item.path),)})
        return plan_measured(*self.said.layers, last, into=into)

    def _placed(self, name: str) -> list[Place]:
        formats, measured = self.said.run.formats, self.said.measures
        return placed(name, formats, self.output, alone=self.alone, measured=measured)

    def _once(self, made: RunPlan) -> MadeOnce:
        return MadeOnce(made.detector.kind, made.detector.name, made.detector.settings, self.made)

    @staticmethod
    def _settings(made: RunPlan) -> Mapping[str, Any]:
        """Return what a result depends on, beside its input."""
        told = {key: value for key, value in content(made.job()).items() if key not in ("sources", "source")}
        sinks = [{key: value for key, value in sink.items() if key != "path"} for sink in told.get("sink", ())]
        owners = {distribution(component) for component in (made.detector, made.tracker)}
        return {**told, "sink": sinks, "code": {one: version(one) for one in owners if one}}

    def _done(self, item: Item, head: str, stopping: Stopping, ledger: Ledger) -> dict[str, Any]:
        """Track a sequence; return what the ledger says of it.

        Raises:
            Exception: Whatever went wrong.
        """
        check_whole(item, self.ml)
        places = self._placed(item.name)
        for place in places:
            if place["path"] in self._taken:
                raise SinkError(f"{place['path']} holds the results of another sequence. Rename one of the two.")
        self._taken |= {place["path"] for place in places}
        sweep(places)
        looks = seen(item)
        made = self._planned(item, places)
        made = dataclasses.replace(made, detector=self._once(made))
        sweep({"path": path} for path, _ in made.more(""))
        summaries: list[Summary] = []
        watch = functools.partial(_watch, tell=self.tell, head=head, every=self.said.run.progress)
        try:
            carry_out(made, progress=watch, stopping=stopping, done=summaries.append)
        except BaseException:
            self.made.clear()  # a detector that was left in the middle of a frame is not used again
            sweep(places)
            raise
        result = summaries[0].results[0]
        files = [Path(path) for path in result.outputs]
        files += [
            names for place in places if place["name"] == "mot" and (names := names_path(place["path"])).is_file()
        ]
        facts = result.as_dict()
        scores = {} if summaries[0].scores is None else {"scores": summaries[0].scores.as_dict()}
        return {
            "state": STOPPED if result.stopped and stopping.signal else DONE,
            "sha256": looks,
            "outputs": ledger.outputs(file.relative_to(self.output).as_posix() for file in files),
            **{
                key: facts[key]
                for key in ("frames", "skipped", "detections", "boxes", "ids", "seconds", "fps", "notes")
            },
            **scores,
        }

    def _failed(self, ledger: Ledger, item: Item, head: str, error: Exception) -> None:
        reason = without_secrets(str(error)) or type(error).__name__
        if not isinstance(error, TrackforgeError):
            log.exception("%s", head)
            reason = f"{type(error).__name__}: {reason}"
        entry = {"state": FAILED, "error": reason, "input": str(item.path)}
        self.entries.append({**entry, "name": item.name, "bytes": item.bytes})
        with contextlib.suppress(SinkError):  # the disk may be what failed
            ledger.add(item, entry)
        self.tell(f"{head}: FAILED, {visible(reason, keep='')}")


@contextlib.contextmanager
def _watch(
    name: str,  # noqa: ARG001 - as `trackforge.runs.running.Progress` has it
    total: int | None,
    *,
    tell: Callable[[str], object],
    head: str,
    every: float,
) -> Iterator[Callable[[], None]]:
    """Say from time to time how far a sequence is."""
    begin = last = time.monotonic()
    count = 0

    def advance() -> None:
        nonlocal count, last
        count += 1
        now = time.monotonic()
        if now - last >= every:
            last = now
            of = f" of {total}" if total else ""
            tell(f"{head}: {count}{of} frames, {count / (now - begin):.1f} frames/s")

    yield advance
