"""Channels: which are data, which are weights, and what is said of those that cannot be used."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from bright_model import png

from trackforge import data
from trackforge.data import Boxes, Dataset, Images
from trackforge.errors import ConfigError, DataError, MissingFileError
from trackforge.io.recordio import encode_record
from trackforge_sagemaker.opt_ml import Channel
from trackforge_sagemaker.testing.pipe_agent import PipeAgent
from trackforge_sagemaker.training.channels import Inputs

COCO = '{"images": [], "annotations": [], "categories": []}'


def _inputs(root, *names, hosts=1, **more):
    channels = {name: Channel(name, root / name) for name in names}
    return Inputs({**channels, **more}, root / "scratch", hosts)


def _pictures(root, name="walk", count=4):
    """Write a sequence as JDE, pictures copied, and return its folder."""
    source = root / "raw"
    source.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        (source / f"{k}.png").write_bytes(png(np.full((32, 48, 3), 40 * k, np.uint8)))
    made = Dataset(
        images=Images(path=[f"{k}.png" for k in range(count)], width=[48] * count, height=[32] * count,
                      sequence=[name] * count, frame=np.arange(count)),
        boxes=Boxes(image=np.arange(count), xyxy=[[4, 4, 20, 28]] * count, track_id=[1] * count),
        classes=("pedestrian",),
        root=source,
    )  # fmt: skip
    data.write(made, root / "MOT", format="jde", images="copy")
    return root / "MOT"


def test_the_usual_channels(tmp_path):
    for name in ("train", "validation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.json").write_text(COCO)
    inputs = _inputs(tmp_path, "train", "validation", "code", "other")
    assert inputs.data({}) == {"data": (tmp_path / "train",), "val": tmp_path / "validation"}
    assert inputs.notes == ["Channel other is used only where a hyperparameter names it."]
    assert "val" not in inputs.data({"val_share": 0.2})
    (tmp_path / "other").mkdir()
    (tmp_path / "other/more.json").write_text(COCO)
    said = {"data": (Path("other/more.json"), Path("labels.json")), "val": Path("validation")}
    assert inputs.data(said) == {
        "data": (tmp_path / "other/more.json", tmp_path / "train/labels.json"), "val": tmp_path / "validation"
    }  # fmt: skip


def test_a_channel_may_hold_its_set_in_a_folder(tmp_path):
    (tmp_path / "train/people/annotations").mkdir(parents=True)
    for part in ("train", "val"):
        (tmp_path / f"train/people/annotations/instances_{part}.json").write_text(COCO)
    (tmp_path / "train/notes").mkdir()
    found = _inputs(tmp_path, "train").data({})
    assert found == {"data": (tmp_path / "train/people",), "split": "train", "val_split": "val"}


def test_fairmot_lists_are_read_where_their_pictures_begin(tmp_path):
    """The lists lie beside ``data.json``, its root is of another machine, and the channel cannot be written to."""
    folder = tmp_path / "train" / "walk"
    pictures = sorted((_pictures(folder) / "images").rglob("*.png"))
    lines = [f"{one.relative_to(folder / 'MOT').as_posix()}\n" for one in pictures]
    (folder / "a.train").write_text("".join(lines[:2]))
    (folder / "b.val").write_text("".join(lines[2:3]))
    (folder / "c.val").write_text("".join(lines[3:]))
    said = {"root": "/data/of/somebody/MOT", "train": {"a": "./data/a.train"}, "val": {"b": "b.val", "c": "x/c.val"}}
    (folder / "data.json").write_text(json.dumps(said))
    found = _inputs(tmp_path, "train").data({}, "walk")
    train = data.read(found["data"][0], found["format"])
    val = data.read(found["val"], found["format"])
    assert (len(train), len(val)) == (2, 2)
    assert train.root == val.root
    assert train.image_path(0).is_file()
    assert train.boxes.track_id.tolist() == [1, 1]
    assert not [one for one in folder.rglob("*") if one.is_symlink()]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "lists to train on"),
        ({"train": {}}, "lists to train on"),
        ({"train": {"a": "gone.train"}}, "'gone.train' must be in the channel"),
        ({"train": {"a": "../../secret.train"}}, "must be in the channel"),
        ({"train": {"a": "nothing.train"}}, "first picture of nothing.train"),
    ],
)
def test_lists_that_lead_nowhere_are_refused(tmp_path, said, words):
    folder = tmp_path / "train" / "walk"
    folder.mkdir(parents=True)
    (tmp_path / "secret.train").write_text("images/x.png\n")
    (folder / "nothing.train").write_text("images/gone.png\n")
    (folder / "data.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match=words):
        _inputs(tmp_path, "train").data({}, "walk")


def test_weights_are_found_in_channels(tmp_path):
    (tmp_path / "train/pretrained-models").mkdir(parents=True)
    (tmp_path / "train/pretrained-models/a.pth").write_bytes(b"a")
    (tmp_path / "pretrain").mkdir()
    (tmp_path / "pretrain/b.onnx").write_bytes(b"b")
    inputs = _inputs(tmp_path, "train", "pretrain")
    assert inputs.weights("a.pth") == str(tmp_path / "train/pretrained-models/a.pth")
    assert inputs.weights("") == str(tmp_path / "pretrain/b.onnx")
    assert inputs.weights("yolox-s") == "yolox-s"
    assert _inputs(tmp_path, "train").weights("") == ""
    with pytest.raises(MissingFileError, match="Add a channel 'pretrain'"):
        inputs.weights("c.pth")
    (tmp_path / "model").mkdir()
    with tarfile.open(tmp_path / "model/model.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "pretrain/b.onnx", "model.onnx")
    assert _inputs(tmp_path, "train", "model").weights("").endswith("/model.onnx")


def test_a_pipe_is_read_once_into_records(tmp_path):
    pictures = sorted((_pictures(tmp_path / "set") / "images").rglob("*.png"))
    labels = json.dumps({"image_size": [{"width": 48, "height": 32, "depth": 3}],
                         "annotations": [{"class_id": 0, "left": 4, "top": 4, "width": 16, "height": 24}]})  # fmt: skip
    stream = [encode_record(one) for picture in pictures for one in (picture.read_bytes(), labels.encode())]
    channels = {"train": Channel("train", tmp_path / "data/train", "Pipe", recordio=True)}
    with PipeAgent(tmp_path / "data", "train", lambda _: iter(stream)):
        inputs = Inputs(channels, tmp_path / "scratch")
        found = inputs.data({})
        assert inputs.data({}) == found
    read = data.read(found["data"][0])
    assert (len(read), read.boxes.xyxy[0].tolist()) == (4, [4, 4, 20, 28])
    assert (tmp_path / "scratch") in found["data"][0].parents


def test_pictures_to_validate_on_without_labels_are_refused(tmp_path):
    """Of the built-in algorithm's four channels three came: the job must not train without validation."""
    inputs = _inputs(tmp_path, "train", "train_annotation", "validation")
    with pytest.raises(ConfigError, match="validation must have its labels in a channel validation_annotation"):
        inputs.data({})
    assert "val_split" not in inputs.data({"val_share": 0.2})  # the job says what to validate on
    whole = _inputs(tmp_path, "train", "train_annotation", "validation", "validation_annotation")
    assert whole.data({})["val_split"] == "validation"


def test_what_cannot_be_trained_on_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="there is validation"):
        _inputs(tmp_path, "validation").data({})
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="none of the formats"):
        _inputs(tmp_path, "train").data({})
    with pytest.raises(MissingFileError, match="must be in a channel, as CHANNEL/PATH"):
        _inputs(tmp_path, "train").data({}, "gone")
    sharded = Channel("train", tmp_path / "train", sharded=True)
    with pytest.raises(ConfigError, match="FullyReplicated"):
        _inputs(tmp_path, hosts=2, train=sharded)
    _inputs(tmp_path, hosts=1, train=sharded)
