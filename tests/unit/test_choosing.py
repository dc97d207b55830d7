"""Which detector is taken where nobody names one, and why."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trackforge import runs
from trackforge.errors import ConfigError, WeightsError
from trackforge.runs.choosing import Choice, choose_detector, published_networks

yolox = pytest.importorskip("trackforge_yolox.weights", reason="needs trackforge-yolox")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; files in it are never opened here."""
    folder = tmp_path / "cache" / "yolox"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TRACKFORGE_CACHE", str(folder.parent))
    return folder


def layers(**detector: Any) -> list[runs.Layer]:
    return [runs.Layer("a file", {"detector": detector})]


def test_without_weights_it_is_motion_and_says_how_to_get_some(cache: Path) -> None:
    choice = choose_detector([])
    assert choice.component == runs.Component("detector", "motion")
    assert "no network's weights are at hand; --detector yolox downloads yolox-s once" in choice.why
    (cache / "yolox_s.onnx.part").write_bytes(b"half of it")  # a download that broke off is not at hand
    assert choose_detector([]) == choice


def test_the_best_weights_at_hand_are_taken(cache: Path) -> None:
    taken = []
    for size in ("nano", "x", "m", "s"):
        (cache / f"yolox_{size}.onnx").write_bytes(b"")
        choice = choose_detector([])
        assert choice.component.name == "yolox"
        assert choice.component.settings["backend"] == "onnx"  # a GPU would else ask for the checkpoint
        assert str(choice) == f"detector: yolox, weights {choice.component.settings['weights']} found in the cache"
        taken.append(choice.component.settings["weights"])
    assert taken == ["yolox-nano", "yolox-x", "yolox-m", "yolox-s"]


def test_families_have_an_order(cache: Path) -> None:
    pytest.importorskip("trackforge_fairmot", reason="needs trackforge-fairmot")
    order = [spec.name for spec, _ in published_networks()]
    assert order[0] == "yolox"
    assert order[-1] == "fairmot"  # whose weights people have to fetch
    ours = cache.with_name("fairmot") / "fairmot_dla34.pth"
    ours.parent.mkdir()
    ours.write_bytes(b"")
    taken = choose_detector([]).component
    assert (taken.name, taken.settings["weights"]) == ("fairmot", "fairmot-dla34")
    named = choose_detector([], weights="fairmot-dla34").component
    assert (named.name, named.settings["weights"]) == ("fairmot", "fairmot-dla34")
    (cache / "yolox_s.onnx").write_bytes(b"")
    assert choose_detector([]).component.name == "yolox"


def test_of_both_forms_the_device_decides_and_a_form_without_its_engine_does_not_count(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "yolox_s.pth").write_bytes(b"")
    real = importlib.util.find_spec
    for here in (True, None):  # None is what is said of a package that is not installed
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name, here=here: here if name == "torch" else real(name)
        )
        found = choose_detector([]).component
        assert (found.name, found.settings.get("backend")) == (("yolox", "torch") if here else ("motion", None))
    (cache / "yolox_s.onnx").write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True if name == "torch" else real(name))
    assert choose_detector([]).component.settings == {"weights": "yolox-s"}


def test_settings_without_a_name_go_to_a_detector_that_has_them(cache: Path) -> None:
    (cache / "yolox_s.onnx").write_bytes(b"")
    assert choose_detector(layers(score="0.3")).component.settings["score"] == 0.3
    moving = choose_detector(layers(history=500))
    assert (moving.component.name, moving.component.settings) == ("motion", {"history": 500})
    assert moving.why == "which has the settings given"
    with pytest.raises(ConfigError, match=r"a file: detector 'motion': .*has no setting 'scroe'"):
        choose_detector(layers(scroe=1))


def test_who_names_a_detector_gets_it_without_a_word(cache: Path) -> None:
    (cache / "yolox_s.onnx").write_bytes(b"")
    assert choose_detector(layers(name="motion")) == Choice(runs.Component("detector", "motion"))


def test_weights_tell_their_detector(cache: Path, tmp_path: Path) -> None:
    choice = choose_detector([], "yolox-tiny")
    assert (choice.component.name, choice.component.settings) == ("yolox", {"weights": "yolox-tiny"})
    assert choose_detector(layers(weights="yolox-tiny")).component == choice.component
    published = tmp_path / "yolox_m.pth"  # says nothing of itself but by its name
    published.write_bytes(b"PK\x05\x06" + bytes(18))
    assert choose_detector([], published).component.settings["weights"] == str(published)
    with pytest.raises(ConfigError, match=r"no file 'yolox-tinny'. Did you mean 'yolox-tiny'\? Names: yolox-nano"):
        choose_detector([], "yolox-tinny")
    with pytest.raises(WeightsError, match="no file"):
        choose_detector([], tmp_path / "absent.onnx")
    other = shutil.copy(published, tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match="must say which detector it belongs to"):
        choose_detector([], other)


def test_choosing_loads_no_engine(cache: Path) -> None:
    (cache / "yolox_s.onnx").write_bytes(b"")
    code = (
        "import sys, json; from trackforge.runs.choosing import choose_detector; found = choose_detector([])\n"
        "print(json.dumps([found.component.name, [m for m in ('torch', 'onnxruntime', 'av') if m in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(done.stdout) == ["yolox", []]


def test_a_run_written_down_names_what_was_found(cache: Path) -> None:
    (cache / "yolox_tiny.onnx").write_bytes(b"")
    plan = runs.plan(runs.TrackingRun(sources=("synthetic",)))
    (cache / "yolox_s.onnx").write_bytes(b"")
    again = runs.plan(plan.job())
    assert again.detector == plan.detector
    assert (plan.why, again.why) == ("weights yolox-tiny found in the cache", "")
