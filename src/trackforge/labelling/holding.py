"""The checked frames that no training ever sees: they judge models, and what is chosen about them."""

from __future__ import annotations

import numpy as np

from trackforge.data import Dataset
from trackforge.intake.documents import load_json
from trackforge.labelling.project import Project, Round, write_json

__all__ = ["held_out", "hold_out"]

FILE = "heldout.json"


def hold_out(project: Project, round_: Round, whole: Dataset) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which pictures are held out: those that were before, and the last of each sequence that are new.

    Args:
        project: Its file ``heldout.json`` is written.
        round_: The round that ends.
        whole: All that people have checked.
    """
    path = project.folder / FILE
    told: dict[str, dict[str, list[int]]] = load_json(path) if path.is_file() else {}
    told = {number: of for number, of in told.items() if int(number) < round_.number}
    share = project.run.holdout
    mine: dict[str, list[int]] = {}
    for name in whole.sequences:
        frames = np.sort(whole.images.frame[whole.images.sequence == name])
        fresh = frames[~np.isin(frames, np.array(round_.checked.get(name, ()), np.int64))]
        count = int(share * len(fresh))
        if share and not count and len(fresh) > 1 and not told and not any(mine.values()):
            count = 1  # something must judge the first training
        mine[name] = fresh[len(fresh) - count :].tolist()
    told[str(round_.number)] = mine
    write_json(path, told)
    mask = np.zeros(len(whole), np.bool_)
    for of in told.values():
        for name, left_out in of.items():
            mask |= (whole.images.sequence == name) & np.isin(whole.images.frame, np.array(left_out, np.int64))
    return mask


def held_out(project: Project) -> dict[str, frozenset[int]]:
    """Return the frames that are held out and still count as checked, by sequence; those without any are not there."""
    path = project.folder / FILE
    told: dict[str, dict[str, list[int]]] = load_json(path) if path.is_file() else {}
    found = {}
    for name, document in project.documents().items():
        frames = frozenset(frame for of in told.values() for frame in of.get(name, ())) & document.checked
        if frames:
            found[name] = frames
    return found
