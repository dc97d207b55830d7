"""Presets and metrics on small recordings that lie in the project, so that the promise is tested in every clone."""

from __future__ import annotations

import dataclasses
import importlib
import json

import numpy as np
import pytest
from recordings.make import METRICS, ROWS, RUNS, SCENES, shown, table_of, truth_of

import trackforge
from trackforge.registry import registry

NAMES = ("street", "churn", "crush")
NEEDS = {"skip_empty": "count_updates", "lose_once": "late_removal"}  # the first has no meaning without the second
CASES = [
    pytest.param(scene, preset, name, id=f"{scene}-{preset}-{name}")
    for scene in NAMES
    for preset, runs in RUNS.items()
    for name in runs
]


def test_the_scenes_are_hard():
    """They hold what decides between a preset and its neighbours."""
    with np.load(SCENES) as scenes:
        for rows in scenes.values():
            frame, score = rows[:, 0], rows[:, 5]
            assert len(np.unique(frame)) < frame.max()  # empty frames
            for threshold in (0.1, 0.5, 0.6, 0.7):
                assert (score == np.float32(threshold)).any(), threshold
            ties = [len(np.unique(score[frame == f])) < (frame == f).sum() for f in np.unique(frame)]
            assert np.mean(ties) > 0.5


@pytest.mark.parametrize(("scene", "preset", "name"), CASES)
def test_every_row_of_a_preset(scene, preset, name):
    with np.load(SCENES) as scenes, np.load(ROWS) as recorded:
        detections, expected = scenes[scene], recorded[f"{scene}/{preset}/{name}"]
        boxes = recorded.get(f"{scene}/{preset}/boxes") if name == "published" else None
    found, found_boxes = shown(preset, RUNS[preset][name], detections)
    assert len(expected) > 100
    assert found.tolist() == expected.tolist()
    if boxes is not None:
        np.testing.assert_allclose(found_boxes, boxes, rtol=0, atol=1e-4)
    if preset == "ocsort":  # it shows what was detected
        rows = [np.flatnonzero(detections[:, 0] == frame)[row] for frame, _, row in found]
        np.testing.assert_array_equal(found_boxes, detections[rows, 1:5])


def test_parameters_make_a_difference():
    """No run of a preset is another under a second name: each would notice a parameter that does nothing."""
    with np.load(ROWS) as recorded:
        for preset, runs in RUNS.items():
            told = {name: b"".join(recorded[f"{scene}/{preset}/{name}"].tobytes() for scene in NAMES) for name in runs}
            assert len(set(told.values())) == len(told), preset


def _quirks(preset):
    """Names of the oddities that some run of a preset has."""
    made = [dataclasses.asdict(trackforge.tracker(preset, **settings).quirks) for settings in RUNS[preset].values()]
    return sorted({name for quirks in made for name, on in quirks.items() if on})


@pytest.mark.parametrize(("preset", "quirk"), [(preset, quirk) for preset in RUNS for quirk in _quirks(preset)])
def test_the_loss_of_any_quirk_is_noticed(preset, quirk, monkeypatch):
    """Some recorded run comes out otherwise as soon as one oddity is switched off."""
    spec = registry().find("tracker", preset)
    module = importlib.import_module(spec.target.partition(":")[0])
    kind = "ObservationCentricQuirks" if preset == "ocsort" else "Quirks"
    original = getattr(module, kind)
    off = {quirk, *(more for more, base in NEEDS.items() if base == quirk)}
    monkeypatch.setattr(module, kind, lambda **on: original(**{n: v and n not in off for n, v in on.items()}))
    assert not getattr(trackforge.tracker(preset).quirks, quirk)
    with np.load(SCENES) as scenes, np.load(ROWS) as recorded:
        assert any(
            shown(preset, settings, scenes[scene])[0].tolist() != recorded[f"{scene}/{preset}/{name}"].tolist()
            for scene in NAMES
            for name, settings in RUNS[preset].items()
        )


@pytest.mark.parametrize("rule", ["none", "mot17"])
def test_every_number_of_trackeval(rule):
    with np.load(METRICS) as recorded:
        truth, tracks = truth_of(recorded["truth"]), table_of(recorded["tracks"])
        official = json.loads(str(recorded["scores"]))[rule]
    scores = trackforge.evaluate({"crowd": truth}, {"crowd": tracks}, preprocessing=rule, lengths=80).combined
    numbers = 0
    for family in official.values():
        for name, value in family.items():
            mine = scores.curve(name) if np.ndim(value) else scores[name]
            np.testing.assert_allclose(mine, value, rtol=1e-9, atol=1e-9, err_msg=name)
            numbers += np.size(value)
    assert numbers > 150
