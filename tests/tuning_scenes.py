"""Small crowds as MOTChallenge folders, to tune on."""

from __future__ import annotations

from pathlib import Path

from trackforge import TrackTable, tuning
from trackforge.io.mot import write_mot
from trackforge.synthetic.crowd import Crowd, CrowdConfig
from trackforge.tuning import Component


def write_scenes(folder: Path, names: str = "abc", frames: int = 40, objects: int = 8) -> Path:
    """Write ``gt/<name>/seqinfo.ini``, ``gt/<name>/gt/gt.txt`` and ``det/<name>.txt``; return the folder."""
    for seed, name in enumerate(names):
        crowd = Crowd(CrowdConfig(objects=objects, frames=frames, size=(640, 480), miss=0.1, jitter=0.06, seed=seed))
        scenes = list(crowd.scenes())
        sequence = folder / "gt" / name
        write_mot(sequence / "gt" / "gt.txt", TrackTable.concatenate([t for _, _, t in scenes]), kind="truth")
        (sequence / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nseqLength={frames}\nframeRate=30\nimWidth=640\nimHeight=480\n"
        )
        found = TrackTable.from_detections((f.index, d) for f, d, _ in scenes)
        write_mot(folder / "det" / f"{name}.txt", found, kind="detections", decimals=4)
    return folder


def files(folder: Path) -> Component:
    return Component("detector", "file", {"path": str(folder / "det" / "{name}.txt")})


def make_problem(folder: Path, *asked: str, tracker: str = "byte", val: int = 1, **more) -> tuning.Problem:
    """All scenes of a folder but the last ``val`` to tune on; ``asked`` as on the command line."""
    setup = tuning.Setup(Component("tracker", tracker), files(folder))
    dimensions = dict(one.split("=") if "=" in one else (one, None) for one in asked)
    space = tuning.search_space(setup, dimensions)
    footage = tuning.footage_of_folder(folder / "gt")
    cut = len(footage) - val
    return tuning.Problem(
        setup=setup,
        space=space,
        train=footage[:cut],
        val=footage[cut:],
        library=tuning.Library(setup.detector, space),
        **more,
    )
