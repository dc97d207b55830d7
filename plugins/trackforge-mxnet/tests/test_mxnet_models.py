"""Whole networks: four that MXNet ran, and small ones made here, as detectors of pictures."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

import trackforge
from trackforge.errors import ConfigError, DataError, MissingFileError, TrackforgeError, WeightsError
from trackforge.io.masks import decode_mask
from trackforge.io.model_archive import read_artefact, write_artefact
from trackforge.io.mxnet_params import SparseArray
from trackforge.types import Frame
from trackforge_mxnet.detector import MxnetDetector, MxnetDetectorConfig
from trackforge_mxnet.graph import Edge, parse_graph
from trackforge_mxnet.masks import draw_masks
from trackforge_mxnet.pictures import Pictures
from trackforge_mxnet.probing import probe
from trackforge_mxnet.program import compile_graph


def frames(*images):
    return [Frame(index=k, image=image) for k, image in enumerate(images)]


def picture(height=48, width=80, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def golden(golden_dir: Path):
    return golden_dir / "mxnet"


@pytest.mark.golden
@pytest.mark.parametrize("optimise", [True, False])
@pytest.mark.parametrize("name", ["resnet50_300_tiny", "vgg16_300_tiny"])
def test_sagemakers_graphs_give_what_mxnet_gave(golden, name, optimise):
    artefact = read_artefact(golden / name / "model.tar.gz")
    recorded = np.load(golden / name / "golden.npz")
    graph = parse_graph(artefact.symbol, name)
    place = {node.name: k for k, node in enumerate(graph.nodes)}
    heads = [Edge(place[n]) for n in ("cls_prob", "multibox_loc_pred", "multibox_anchors", "det_out")]
    weights = {key.partition(":")[2]: value for key, value in artefact.params.items()}
    program = compile_graph(graph, weights, heads=heads, optimise=optimise)
    data = recorded["image"].astype(np.float32)
    data -= np.array([123, 117, 104], np.float32) * bool(recorded["mean_sub"])
    for _ in range(2):
        scores, shifts, anchors, rows = (
            value.numpy() for value in program(data=torch.from_numpy(data.transpose(0, 3, 1, 2).copy()))
        )
        assert np.array_equal(anchors, recorded["anchors"])
        np.testing.assert_allclose(scores, recorded["cls_prob"], atol=1e-5)
        np.testing.assert_allclose(shifts, recorded["loc_pred"], atol=2e-5)
        most = recorded["det"].shape[1]
        assert np.array_equal(rows[:, :most, 0], recorded["det"][:, :, 0])
        np.testing.assert_allclose(rows[:, :most], recorded["det"], atol=1e-5)
        assert (rows[:, :, 0] >= 0).sum(axis=1).tolist() == recorded["det_n_valid"].tolist()


@pytest.mark.golden
def test_the_training_graph_runs_with_its_labels(golden):
    artefact = read_artefact(golden / "vgg16_300_tiny" / "model.tar.gz")
    recorded = np.load(golden / "vgg16_300_tiny" / "golden.npz")
    weights = {key.partition(":")[2]: value for key, value in artefact.params.items()}
    program = compile_graph(parse_graph(artefact.symbol, "x"), weights, feeds=("data", "label"))
    data = (recorded["image"].astype(np.float32) - np.array([123, 117, 104], np.float32)).transpose(0, 3, 1, 2)
    given = {"data": torch.from_numpy(data.copy()), "label": torch.from_numpy(recorded["label"])}
    _, loss, label, _ = (value.numpy() for value in program(**given))
    assert np.array_equal(label, recorded["cls_label"])
    np.testing.assert_allclose(loss, recorded["loc_loss"], atol=1e-5)


@pytest.mark.golden
@pytest.mark.parametrize("name", ["resnet50_300_tiny", "vgg16_300_tiny"])
def test_sagemakers_artefacts_are_detectors(golden, name):
    recorded = np.load(golden / name / "golden.npz")
    detector = trackforge.detector(
        golden / name / "model.tar.gz", score=0, preprocessing="mean" if recorded["mean_sub"] else "auto"
    )
    assert detector.card.component == "mxnet"
    for found, rows in zip(detector.detect(frames(*recorded["image"])), recorded["det"], strict=True):
        wanted = rows[rows[:, 0] >= 0]
        wanted = wanted[np.argsort(-wanted[:, 1], kind="stable")]
        count = len(wanted)  # the recorded rows are the first 800 of all
        assert np.array_equal(found.class_id[:count], wanted[:, 0])
        np.testing.assert_allclose(found.score[:count], wanted[:, 1], atol=1e-5)
        np.testing.assert_allclose(found.xyxy[:count], wanted[:, 2:] * 300, atol=3e-3)


@pytest.mark.golden
@pytest.mark.parametrize("name", ["tiny_resnet50_512", "tiny_vgg16_300"])
def test_gluoncvs_exports_are_detectors(golden, name):
    recorded = np.load(golden / name / "golden.npz")
    detector = trackforge.detector(golden / name / f"{name}-symbol.json", score=0)
    [found] = detector.detect(frames(recorded["image"]))
    valid = recorded["ids"][0, :, 0] >= 0
    assert np.array_equal(found.class_id, recorded["ids"][0, valid, 0])
    np.testing.assert_allclose(found.score, recorded["scores"][0, valid, 0], atol=1e-5)
    np.testing.assert_allclose(found.xyxy, recorded["bboxes"][0, valid], atol=2e-3)


def test_every_way_to_name_an_artefact_finds_the_same(archive, tmp_path):
    artefact = read_artefact(archive)
    (tmp_path / "model-symbol.json").write_text(artefact.symbol)
    with tarfile.open(archive) as tar:
        member = next(m for m in tar.getmembers() if m.name.endswith(".params"))
        (tmp_path / "model-0007.params").write_bytes(tar.extractfile(member).read())
    image = picture()
    places = [archive, tmp_path / "model-symbol.json", tmp_path / "model-0007.params"]
    made = [trackforge.detector(place, score=0.2, size=(64, 64)).detect(frames(image))[0] for place in places]
    made.append(
        trackforge.detector("mxnet", weights=tmp_path, epoch=7, score=0.2, size=(64, 64)).detect(frames(image))[0]
    )
    assert len(made[0]) > 0
    for other in made[1:]:
        assert np.array_equal(other.xyxy, made[0].xyxy)
        assert np.array_equal(other.score, made[0].score)


def test_settings_mean_what_they_say(archive):
    images = frames(picture(), picture(90, 40, 2), picture(64, 64, 3))
    every = MxnetDetector(MxnetDetectorConfig(weights=archive, score=0, classes=("boat", "buoy")))
    together = every.detect(images)
    for alone, found in zip(images, together, strict=True):
        [one] = every.detect([alone])
        assert len(one) == len(found)
        np.testing.assert_allclose(one.xyxy, found.xyxy, atol=1e-3)
    assert (np.diff(together[0].score) <= 0).all()
    assert every.classes == ("boat", "buoy")
    assert every.detect([]) == []
    few = MxnetDetector(
        MxnetDetectorConfig(weights=archive, score=0.4, classes=("boat", "buoy"), keep_classes=("buoy",))
    )
    [found] = few.detect(images[:1])
    first = together[0]
    rows = (first.class_id == 1) & (first.score >= 0.4)
    assert np.array_equal(found.xyxy, first.xyxy[rows])
    with pytest.raises(WeightsError, match="got 1 names for the 2 classes"):
        MxnetDetector(MxnetDetectorConfig(weights=archive, classes=("boat",)))
    with pytest.raises(ConfigError, match="fit must be stretch"):
        MxnetDetector(MxnetDetectorConfig(weights=archive, fit="short"))
    with pytest.raises(ConfigError, match="keep_classes"):
        MxnetDetector(MxnetDetectorConfig(weights=archive, keep_classes=("whale",)))


def test_memory_is_kept_only_where_it_is_asked_for(archive, monkeypatch):
    asked = []
    monkeypatch.setattr("trackforge_mxnet.detector.keep_freed_memory", lambda: asked.append(True))
    trackforge.detector(archive, keep_memory=False)
    assert asked == []
    trackforge.detector(archive)
    assert asked == [True]


def test_names_of_classes_may_lie_with_the_weights(archive, tmp_path, ssd):
    path = tmp_path / "model.tar.gz"
    write_artefact(
        path, ssd[1], ssd[0].params, {"image_shape": "64", "num_classes": "3"}, texts={"labels.txt": "a\nb\n"}
    )
    detector = trackforge.detector(path)
    assert detector.classes == ("a", "b")
    assert "hyperparams.json says num_classes 3, the graph has 2: the graph counts" in detector.understood


@pytest.mark.parametrize(
    ("learnt", "said", "way", "why"),
    [
        ((-100, -95, -80), None, "mean", "bn_data has learnt colours with a mean of -92"),
        ((5, 5, 5), None, "mean", "a mean of 5"),
        ((30, 30, 30), None, "raw", "a mean of 30"),
        ((120, 115, 100), "mean", "mean", "preprocessing.json says mean"),
        (None, "mean", "mean", "preprocessing.json says mean"),
        (None, "gluoncv", "raw", "nothing tells"),
    ],
)
def test_how_colours_go_in_is_found_out(ssd, tmp_path, learnt, said, way, why):
    s, text = ssd
    params = s.params if learnt is None else {**s.params, "aux:bn_data_moving_mean": np.array(learnt, np.float32)}
    texts = {} if said is None else {"preprocessing.json": json.dumps(said)}
    write_artefact(tmp_path / "model.tar.gz", text, params, {"image_shape": "64"}, texts=texts)
    detector = trackforge.detector(tmp_path / "model.tar.gz")
    assert tuple(detector.card.preprocessing.mean) == ((123, 117, 104) if way == "mean" else (0, 0, 0))
    assert any(why in line for line in detector.understood)
    other = trackforge.detector(tmp_path / "model.tar.gz", preprocessing="gluoncv")
    assert other.card.preprocessing.scale == 255


def test_sparse_weights_do_not_grow_beyond_their_file(ssd, tmp_path):
    s, text = ssd
    row = SparseArray("row_sparse", (2**20, 16), np.ones((1, 16), np.float32), np.zeros(1, np.int64))
    write_artefact(tmp_path / "model.tar.gz", text, {**s.params, "arg:a": row, "arg:b": row}, {"image_shape": "64"})
    with pytest.raises(DataError, match=r"at most 67,108,864 bytes.*would take 134,217,728"):
        trackforge.detector(tmp_path / "model.tar.gz")


def two_stages(sketch, count=3):
    """Outputs as GluonCV's Mask R-CNN has them, for inputs of any size: boxes that do not depend on the picture."""
    s = sketch(5)
    zero = s("_mul_scalar", s("mean", s.data(), axis=(1, 2, 3)), scalar=0)
    lift = s("Reshape", zero, shape=(-1, 1, 1))
    parts = []
    for name, value in (
        ("ids", np.arange(count).reshape(1, count, 1)),
        ("scores", np.linspace(0.9, 0.2, count).reshape(1, count, 1)),
        ("boxes", [[[20, 40, 60, 60], [-30, -10, 30, 30], [200, 200, 500, 400]]]),
    ):
        parts.append(s("broadcast_add", s.weight(name, value), lift))
    ramp = np.tile(np.linspace(0, 1, 14), (1, count, 14, 1))
    parts.append(s("broadcast_add", s.weight("masks", ramp), s("Reshape", zero, shape=(-1, 1, 1, 1))))
    s("_contrib_ROIAlign", s.data("other"), s.data("regions"), pooled_size=(2, 2), spatial_scale=1)  # makes it staged
    return s, s.text(*parts)


def test_masks_travel_with_their_boxes(sketch, tmp_path):
    s, text = two_stages(sketch)
    write_artefact(tmp_path / "model.tar.gz", text, s.params, {})
    detector = trackforge.detector(tmp_path / "model.tar.gz", size=(100, 166), score=0.25)
    assert any("short side 100, long side at most 166" in line for line in detector.understood)
    image = picture(50, 60)  # goes in twice as large
    [found] = detector.detect(frames(image))
    np.testing.assert_allclose(found.xyxy, [[10, 20, 30, 30], [-15, -5, 15, 15]], atol=1e-4)
    assert found.mask is not None
    first, second = (decode_mask(mask) for mask in found.mask)
    assert first.shape == second.shape == (50, 60)
    rows, columns = np.nonzero(first)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 29, 20, 29)  # the right half of the box
    rows, columns = np.nonzero(second)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, 14, 0, 14)  # cut at the picture
    [kept] = [found[found.class_id == 1]]
    assert kept.mask[0] == found.mask[1]


def test_a_mask_outside_its_picture_is_empty():
    drawn = draw_masks(
        np.ones((2, 4, 4), np.float32), np.array([[70, 5, 90, 9], [5, 5, 5, 5]], np.float32), (20, 60), 0.5
    )
    assert [int(decode_mask(mask).sum()) for mask in drawn] == [0, 0]


@pytest.mark.parametrize(
    ("height", "width", "wanted"), [(600, 800, (800, 1067)), (500, 1500, (444, 1333)), (10, 10, (800, 800))]
)
def test_short_sides(archive, height, width, wanted):
    base = trackforge.detector(archive).card.preprocessing.resized((800, 1333))
    assert Pictures(base, short=True).size_of(height, width) == wanted
    across = Pictures(base, short=True, multiple=32).size_of(height, width)
    assert all(side % 32 == 0 for side in across)


def test_the_probe_tries_every_way(archive):
    tried = probe(archive, [picture(), picture(seed=4)])
    assert {one.preprocessing for one in tried} == {"raw", "mean", "gluoncv"}
    assert tried == sorted(tried, key=lambda one: (-one.best, -one.sure))
    assert "objects of score 0.5 or more" in str(tried[0])


def test_what_is_damaged_says_which_file(archive, tmp_path, ssd):
    whole = archive.read_bytes()
    for name, content in {"cut": whole[: len(whole) // 2], "noise": b"\0" * 300, "text": b"no archive"}.items():
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(content)
        with pytest.raises(TrackforgeError, match=f"{name}.tar.gz"):
            trackforge.detector(path)
    with pytest.raises(WeightsError, match="there is no file"):
        trackforge.detector(tmp_path / "gone.tar.gz")
    with pytest.raises(MissingFileError, match="gone"):
        trackforge.detector("mxnet", weights=tmp_path / "gone")
    lost = {**ssd[0].params, "arg:cls0_bias": np.full(6, np.nan, np.float32)}
    write_artefact(tmp_path / "nan.tar.gz", ssd[1], lost, {})
    with pytest.raises(WeightsError, match=r"must be finite numbers.*cls0_bias"):
        trackforge.detector(tmp_path / "nan.tar.gz")
    write_artefact(tmp_path / "odd.tar.gz", json.dumps({"nodes": 1, "heads": 2}), ssd[0].params, {})
    with pytest.raises(DataError, match=r"odd.tar.gz.*lists of nodes and heads"):
        trackforge.detector(tmp_path / "odd.tar.gz")


def test_the_command_line_takes_it_by_its_path(archive, tmp_path, capsys):
    cv2 = pytest.importorskip("cv2")
    from trackforge.cli import main

    for k in range(3):
        cv2.imwrite(str(tmp_path / f"{k}.png"), picture(seed=k))
    assert main(["info", str(archive), "--picture", str(tmp_path / "0.png"), "--out", str(tmp_path / "found.png")]) == 0
    told = capsys.readouterr().out
    assert "MultiBoxDetection" in told
    assert "class 0" in told
    assert (tmp_path / "found.png").is_file()
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for k in range(3):
        (tmp_path / f"{k}.png").rename(pictures / f"{k:06}.png")
    words = ["--detector", str(archive), "--set", "detector.score=0.2"]
    assert main(["detect", str(pictures / "000000.png"), *words, "-o", str(tmp_path / "found.json")]) == 0
    assert json.loads((tmp_path / "found.json").read_text())
    assert main(["track", str(pictures), *words, "-o", str(tmp_path / "tracks.txt")]) == 0
    assert (tmp_path / "tracks.txt").is_file()
    capsys.readouterr()
