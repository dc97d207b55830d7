"""The model folder: what training writes is found, and what others leave as well; nothing leads out of it."""

from __future__ import annotations

import io
import tarfile

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trackforge_yolox")
pytest.importorskip("trackforge_fairmot")

import trackforge  # noqa: E402
from trackforge.errors import ConfigError, DataError, MissingFileError, WeightsError  # noqa: E402
from trackforge.models import KEY, ModelCard, Preprocessing  # noqa: E402
from trackforge_sagemaker import model_dir  # noqa: E402

CARD = ModelCard(component="yolox", classes=("person",), preprocessing=Preprocessing(size=(64, 64)))


def _bundle(path):
    torch.save({KEY: CARD.to_json(), "model": {}}, path)
    return path


def _archive(path, *files, name=None):
    with tarfile.open(path, "w:gz") as tar:
        for file in files:
            tar.add(file, name or file.name)
    return path


def test_what_is_written_is_found(tmp_path):
    folder = tmp_path / "model"
    written = model_dir.write(
        folder, _bundle(tmp_path / "best.pth"), detector={"score": 0.2}, tracker={"name": "byte"}, serve={"conf": 0.3}
    )
    assert all(file.is_file() for file in written)
    assert {file.relative_to(folder).as_posix() for file in written} == {
        "model.pth", "trackforge.toml", "code/inference.py", "code/requirements.txt"
    }  # fmt: skip
    expected = {
        "conf": 0.3,
        "detector": {"name": str(folder / "model.pth"), "score": 0.2},
        "tracker": {"name": "byte"},
    }
    assert model_dir.find(folder) == expected
    packed = tmp_path / "packed"
    packed.mkdir()
    with tarfile.open(packed / "model.tar.gz", "w:gz") as tar:
        tar.add(folder, ".")
    again = model_dir.find(packed)
    assert again["tracker"] == {"name": "byte"}
    assert again["detector"]["name"].endswith("model.pth")
    assert not again["detector"]["name"].startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("tensor", "family", "old"),
    [("hm.2.weight", "fairmot", False), ("head.cls_preds.0.weight", "yolox", False), ("hm.2.weight", "fairmot", True)],
)
def test_checkpoints_of_the_official_code_are_told_by_their_tensors(tmp_path, tensor, family, old):
    (tmp_path / "1").mkdir()
    path = tmp_path / "1" / "best_ckpt.pth.tar"
    torch.save({"state_dict": {tensor: torch.zeros(1)}}, path, _use_new_zipfile_serialization=not old)
    assert model_dir.find(tmp_path) == {"detector": {"name": family, "weights": str(path)}}


def test_the_artefact_of_the_built_in_algorithm_is_left_packed(tmp_path):
    for name in ("model_algo_1-symbol.json", "model_algo_1-0000.params"):
        (tmp_path / name).write_text("{}")
    assert model_dir.find(tmp_path)["detector"]["name"].endswith("-symbol.json")
    archive = _archive(tmp_path / "model.tar.gz", *sorted(tmp_path.glob("model_algo*")))
    assert model_dir.find(archive) == {"detector": {"name": str(archive)}}


def test_a_detector_without_weights_is_said_by_the_settings(tmp_path):
    (tmp_path / "trackforge.toml").write_text('[detector]\nname = "motion"\n')
    assert model_dir.find(tmp_path) == {"detector": {"name": "motion"}}


@pytest.mark.parametrize(
    ("toml", "error", "words"),
    [
        ('[detector]\nname = "../../etc/model.pth"\n', DataError, "stays in its folder|must stay in"),
        ('[detector]\nname = "gone.pth"\n', MissingFileError, "gone.pth"),
        ("[detector\n", ConfigError, "TOML"),
        ("conf = 0.3\n", ConfigError, "tables only"),
    ],
)
def test_settings_that_lead_nowhere_are_refused(tmp_path, toml, error, words):
    (tmp_path / "trackforge.toml").write_text(toml)
    with pytest.raises(error, match=words):
        model_dir.find(tmp_path)


def test_what_is_not_one_model_is_refused(tmp_path):
    with pytest.raises(MissingFileError, match="there is none"):
        model_dir.find(tmp_path)
    with pytest.raises(MissingFileError, match="Check the path"):
        model_dir.find(tmp_path / "gone")
    torch.save({"x": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="FairMOT or YOLOX"):
        model_dir.find(tmp_path)
    torch.save({"x": torch.zeros(1)}, tmp_path / "b.pth")
    with pytest.raises(WeightsError, match="one model"):
        model_dir.find(tmp_path)


def test_no_archive_leads_out(tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(DataError, match="stays in its folder"):
        model_dir.find(_archive(tmp_path / "a.tar.gz", tmp_path / "x", name="../x"))
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo("model.pth")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(DataError, match="plain files only"):
        model_dir.find(tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as tar:
        bomb = tarfile.TarInfo("model.pth")
        bomb.size = 200 << 20
        tar.addfile(bomb, io.BytesIO(bytes(200 << 20)))
    with pytest.raises(DataError, match="unpack to at most"):
        model_dir.find(tmp_path / "c.tar.gz")
    (tmp_path / "d.tar.gz").write_bytes(b"\x1f\x8bno")
    with pytest.raises(DataError, match="damaged"):
        model_dir.find(tmp_path / "d.tar.gz")


def test_the_settings_open_a_detector(tmp_path):
    """What `find` says is what core's doors take."""
    (tmp_path / "trackforge.toml").write_text('[detector]\nname = "motion"\nmin_score = 0.4\n')
    table = model_dir.find(tmp_path)["detector"]
    assert trackforge.detector(table.pop("name"), **table) is not None
