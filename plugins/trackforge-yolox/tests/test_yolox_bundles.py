"""Files of weights that describe themselves open by their path, those of earlier revisions too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import trackforge
from trackforge.boxes import iou
from trackforge.errors import UnknownComponentError, WeightsError
from trackforge.models import KEY, component_of
from trackforge.registry.bundles import component_for, description
from trackforge.types import Frame
from trackforge_yolox.detector import YoloxDetector

FIXTURES = Path(__file__).parent / "fixtures"
SETTINGS = {"score": 0.0, "candidates": 50, "threads": 1}


@pytest.mark.parametrize("form", ["pth", "onnx"])
def test_files_of_revision_f3d5edf_open_and_find_what_they_found(form: str) -> None:
    detector = trackforge.detector(FIXTURES / f"people-format1.{form}", **SETTINGS)
    assert isinstance(detector, YoloxDetector)
    card = detector.card
    assert (card.kind, card.component, card.variant) == ("detector", "yolox", "bytetrack-nano")
    assert card.classes == ("person", "cart")
    assert card.provenance == {"trained_on": "people", "recipe": "finetune"}
    assert detector.selection.limit == 0.7
    wanted = np.load(FIXTURES / "people-format1.npz")
    found = detector.detect([Frame(index=0, image=wanted["image"])])[0]
    np.testing.assert_allclose(found.score, wanted[f"{form}_score"], rtol=1e-4)
    pair = iou(found.xyxy, wanted[f"{form}_xyxy"]).argmax(axis=1)  # scores nearly tie: another order is no other find
    assert sorted(pair.tolist()) == list(range(len(pair)))
    np.testing.assert_allclose(found.xyxy, wanted[f"{form}_xyxy"][pair], rtol=1e-3, atol=0.01)
    np.testing.assert_array_equal(found.class_id, wanted[f"{form}_class_id"][pair])


def test_an_old_checkpoint_is_exported_by_its_path_and_opens_again(tmp_path: Path) -> None:
    out = tmp_path / "people.onnx"
    command = [sys.executable, "-m", "trackforge", "export", str(FIXTURES / "people-format1.pth"), "-o", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    text = description(out)
    assert text is not None
    assert '"component": {"kind": "detector", "name": "yolox"}' in text
    assert "trackforge_yolox" not in text  # a name, no module
    before, after = (trackforge.detector(path, **SETTINGS) for path in (str(FIXTURES / "people-format1.pth"), str(out)))
    image = np.load(FIXTURES / "people-format1.npz")["image"]
    a, b = (d.detect([Frame(index=0, image=image)])[0] for d in (before, after))
    np.testing.assert_allclose(a.score, b.score, rtol=1e-3)


@pytest.mark.parametrize("form", ["pth", "onnx"])
def test_a_file_says_what_it_is_of_without_being_loaded(form: str) -> None:
    code = (
        "import sys; from trackforge.registry.bundles import component_of\n"
        "assert component_of(sys.argv[1]) == ('detector', 'yolox')\n"
        "heavy = sorted({'torch', 'onnx', 'onnxruntime', 'cv2'} & set(sys.modules))\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    path = str(FIXTURES / f"people-format1.{form}")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_of_others_are_answered_with_what_to_do(checkpoint, tmp_path: Path) -> None:
    bare = onnx.load(FIXTURES / "people-format1.onnx")
    del bare.metadata_props[:]
    onnx.save(bare, tmp_path / "bare.onnx")
    assert component_of(tmp_path / "bare.onnx") is None
    assert type(trackforge.detector(tmp_path / "bare.onnx")).__name__ == "OnnxDetector"  # which looks for itself
    foreign = checkpoint("yolox-nano")
    assert component_of(foreign) is None
    with pytest.raises(WeightsError, match=r"must say which detector.*by name \(.*yolox.*\) and the file as its"):
        trackforge.detector(foreign)
    with pytest.raises(WeightsError, match="there is no file"):
        trackforge.detector("absent.onnx")
    with pytest.raises(UnknownComponentError, match="Did you mean 'yolox'"):
        trackforge.detector("yolo")


def write(path: Path, text: object) -> Path:
    torch.save({"model": {"a": torch.zeros(1)}, KEY: text}, path)
    return path


def test_what_a_file_names_is_looked_up_never_imported(tmp_path: Path) -> None:
    strange = write(tmp_path / "strange.pth", '{"format": 2, "component": {"kind": "detector", "name": "os:system"}}')
    with pytest.raises(UnknownComponentError, match=r"strange\.pth belongs to the detector 'os:system'\. There is no"):
        trackforge.detector(strange)
    other = write(tmp_path / "other.pth", '{"format": 2, "component": {"kind": "embedder", "name": "reid"}}')
    with pytest.raises(WeightsError, match="must be of a detector; it is of the embedder 'reid'"):
        trackforge.detector(other)
    for text in ("{", "[]", '{"component": {"kind": "detector"}}', '{"component": {"kind": 1, "name": "yolox"}}'):
        with pytest.raises(WeightsError):
            component_for("detector", write(tmp_path / "bad.pth", text))
    assert component_of(write(tmp_path / "run.ckpt", {"recipe": "a training run's own header"})) is None


class _Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_looking_runs_nothing_whatever_the_file_holds(tmp_path: Path, capsys) -> None:
    assert description(write(tmp_path / "evil.pth", _Evil())) is None
    whole = (FIXTURES / "people-format1.onnx").read_bytes()
    for n in range(0, len(whole), 7):
        (tmp_path / "cut.onnx").write_bytes(whole[:n])
        assert description(tmp_path / "cut.onnx") is None
    torn = (FIXTURES / "people-format1.pth").read_bytes()
    for n in (0, 100, len(torn) // 2):
        (tmp_path / "cut.pth").write_bytes(torn[:n])
        assert description(tmp_path / "cut.pth") is None
    (tmp_path / "long.onnx").write_bytes(b"\x72" + b"\xff" * 9 + b"\x01")  # an entry of 2 ** 64 bytes
    assert description(tmp_path / "long.onnx") is None
    assert capsys.readouterr().out == ""
