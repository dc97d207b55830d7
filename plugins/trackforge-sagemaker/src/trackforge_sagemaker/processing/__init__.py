"""``trackforge-sagemaker process``: everything below ``/opt/ml/processing/input`` tracked, as a Processing job runs it.

It is ``trackforge track`` under other paths (`trackforge.runs`): videos, folders of pictures and MOTChallenge sequences
of any size and depth, one after the other in constant memory, each with its results where it lies. Several hosts share
the sequences out (`trackforge_sagemaker.processing.sharing`). A sequence that fails is told and takes no other along; a
job that is started again goes on where it was (`trackforge_sagemaker.processing.ledger`).

Left beside the results: ``summary.json``, what became of each sequence; ``failures.json``, the ones that failed, and
why (both with the name of the host in theirs where there are several). ``/opt/ml/output/message`` says it in a
sentence, and ``/opt/ml/output/failure`` where the job failed.

The exit code is 0 unless all sequences failed, or any with ``--on-failure any``, or nothing could be begun: 1; after a
signal it is 128 and the signal's number. A host of several knows its own sequences only, and nothing of what became of
the others': so where there are several, no sequence makes a host fail but with ``--on-failure any``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import trackforge
from trackforge.errors import ConfigError, SinkError, SourceError, TrackforgeError
from trackforge.intake.addresses import without_secrets
from trackforge.intake.showing import visible
from trackforge.io.atomic import atomic_path
from trackforge.runs import Stopping
from trackforge.runs.facts import stamp
from trackforge_sagemaker.log import show_log
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.processing.inputs import find_items
from trackforge_sagemaker.processing.job import FAILED, KEPT, STOPPED, Job
from trackforge_sagemaker.processing.ledger import DONE
from trackforge_sagemaker.processing.saying import Said, help_text, listen
from trackforge_sagemaker.processing.sharing import share

__all__ = ["main"]

log = logging.getLogger("trackforge_sagemaker")
SHOWN = 5
"""Failures that the message names."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out the job and return its exit code.

    Args:
        argv: Settings, ``--name value``; those of the command line unless given.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if {"--help", "-h"} & set(words):
        sys.stdout.write(help_text())
        return 0
    show_log()
    ml = OptMl()
    try:
        ml.begin()
        return _process(words, ml)
    except TrackforgeError as error:
        reason = without_secrets(str(error))
    except Exception as error:  # the platform shows nothing but what is left in the file
        log.exception("the job failed")
        reason = f"{type(error).__name__}: {error}"
    _tell(f"The job failed: {visible(reason)}")
    ml.message(reason)
    ml.fail(reason)
    return 1


def _process(words: Sequence[str], ml: OptMl) -> int:
    said = listen(words, os.environ, ml)
    if not said.names_detector:
        raise ConfigError(
            f"A model must be given: there is none in {ml.processing / 'model'}, and no setting names one. Add an "
            "input for it, or say --detector motion: what moves before a static camera."
        )
    source = said.run.input or ml.processing / "input"
    output = said.run.output or ml.processing / "output"
    items = find_items(source, without=output)
    mine = share(items, ml, said.run.sharding)
    if not items and len(ml.hosts) == 1:
        raise SourceError(
            f"The input must hold videos, folders of pictures or MOT sequences; there is none in {source}."
        )
    of = f" of {len(items)}, for host {ml.resources.host}" if len(ml.hosts) > 1 else ""
    _tell(f"{len(mine)} sequences{of} in {source}")
    job = Job(said, mine, output, len(items) == 1 and len(ml.hosts) == 1, ml, _tell)
    started = datetime.now(timezone.utc)
    with Stopping() as stopping:
        try:
            job.carry_out(stopping)
        except SystemExit:  # a signal that could not wait
            log.warning("stopped at once; what was said to be done is whole")
        except Exception:
            with contextlib.suppress(SinkError):  # what went wrong counts, not that no more can be written
                _write_down(job, output, ml, started, stopping.signal)
            raise
        stopping.patient = True  # what follows takes no time, and must not be broken off
        _write_down(job, output, ml, started, stopping.signal)
        return _ended(job, said, ml, stopping)


def _ended(job: Job, said: Said, ml: OptMl, stopping: Stopping) -> int:
    """Say what came of it, and return the exit code."""
    states = Counter(entry["state"] for entry in job.entries)
    failures = [entry for entry in job.entries if entry["state"] == FAILED]
    told = _told(states, len(job.items), failures)
    if stopping.signal:
        told = f"Stopped by signal {stopping.signal}. {told}"
    if len(ml.hosts) > 1:
        told = f"{ml.resources.host}: {told} "  # SageMaker puts the messages of all hosts one after the other
    _tell(told)
    ml.message(told)
    done = states[DONE] + states[KEPT]
    if stopping.signal:
        return stopping.exit_code
    all_failed = not done and len(ml.hosts) == 1  # one host of several cannot know
    if failures and (said.run.on_failure == "any" or all_failed):
        ml.fail(told)
        return 1
    return 0


def _told(states: Counter[str], total: int, failures: Sequence[dict[str, Any]]) -> str:
    parts = [f"{states[DONE] + states[KEPT]} of {total} sequences tracked"]
    if states[KEPT]:
        parts.append(f"{states[KEPT]} of them before")
    if states[STOPPED]:
        parts.append(f"{states[STOPPED]} broken off")
    if failures:
        parts.append(f"{len(failures)} failed")
    text = ", ".join(parts) + "."
    for entry in failures[:SHOWN]:
        text += f" {visible(entry['name'], keep='')}: {visible(entry['error'], keep='')[:150]}"
    return text


def _write_down(job: Job, output: Path, ml: OptMl, started: datetime, signal: int) -> None:
    """Put ``summary.json`` and ``failures.json`` beside the results."""
    mark = f"-{ml.resources.host}" if len(ml.hosts) > 1 else ""
    keys = ("name", "input", "error")
    failures = [{key: entry[key] for key in keys} for entry in job.entries if entry["state"] == FAILED]
    facts = {
        "trackforge": trackforge.__version__,
        "started": stamp(started),
        "ended": stamp(datetime.now(timezone.utc)),
        "host": ml.resources.host,
        "hosts": list(ml.hosts),
        "formats": list(job.said.run.formats),
        "interrupted": bool(signal),
        "sequences": job.entries,
    }
    for name, value in ((f"summary{mark}.json", facts), (f"failures{mark}.json", failures)):
        with atomic_path(output / name) as partial:
            partial.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
