"""Answers of single workers in a job on video: which frames of which sequence each has labelled, and how.

``annotations/worker-response/iteration-1/0/...``: the folder after that of the iteration is the line of the manifest,
so that answers of different sequences never meet. Who the worker is stands in the answer, where there is one who is
named; a later answer to the same frame by the same worker counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trackforge.data.dialects.ground_truth_folders import answer_files
from trackforge.errors import DataError
from trackforge.intake.documents import load_json
from trackforge.io.seqlabel_json import LabelledFrame, SeqLabel, parse_seqlabel

__all__ = ["read_answers"]

_ITERATION = re.compile(r"iteration-\d+$")


def read_answers(folder: Path, caught: Callable[[DataError], None]) -> dict[str, dict[str, SeqLabel]]:
    """Return the answers by sequence (as its folder is called) and worker; an unnamed worker has an empty name.

    Args:
        folder: ``annotations/worker-response``.
        caught: Takes the error of a broken answer, which is left out then; may raise.
    """
    frames: dict[tuple[str, str], dict[str, LabelledFrame]] = {}
    tracked: dict[str, bool] = {}
    for file in answer_files(folder):
        sequence = _sequence(file.relative_to(folder).parts)
        try:
            document = load_json(file, "The answer of a worker")
        except DataError as error:
            caught(error)
            continue
        for worker, answer in _answers(document):
            broken: list[str] = []
            try:
                found = parse_seqlabel(answer, file, broken.append)
            except DataError as error:
                caught(error)
                continue
            for message in broken:
                caught(DataError(f"{message[:1].upper()}{message[1:]}.", path=file))
            tracked[sequence] = found.tracked
            mine = frames.setdefault((sequence, worker), {})
            for frame in found.frames:
                mine[frame.file or f"#{frame.number}"] = frame
    out: dict[str, dict[str, SeqLabel]] = {}
    for (sequence, worker), those in frames.items():
        out.setdefault(sequence, {})[worker] = SeqLabel(tuple(those.values()), tracked[sequence])
    return out


def _sequence(parts: tuple[str, ...]) -> str:
    """Return the folder that stands for a sequence: the first that is no iteration's."""
    folders = [part for part in parts[:-1] if not _ITERATION.match(part)]
    return folders[0] if folders else "0"


def _answers(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield worker and answer; a file without a list of answers is one."""
    listed = document.get("answers") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        yield _worker(document), document
        return
    for one in listed:
        if isinstance(one, dict):
            yield _worker(one) or _worker(document), one


def _worker(document: Any) -> str:
    value = document.get("workerId") if isinstance(document, dict) else None
    return value[:200] if isinstance(value, str) else ""
