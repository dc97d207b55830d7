"""What anchors learn, against MXNet's own MultiBoxTarget, and by hand; and the losses of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from trackforge_ssd.training.losses import loss_sums  # noqa: E402
from trackforge_ssd.training.targets import IGNORED, Matching, Targets, anchor_targets, encode  # noqa: E402


def split(labels: np.ndarray) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Take MXNet's padded labels ``(B, M, 5)`` apart; a class of -1 ends them."""
    kept = [torch.from_numpy(rows[rows[:, 0] >= 0]) for rows in labels]
    return [rows[:, 1:5] for rows in kept], [rows[:, 0].long() for rows in kept]


@pytest.mark.golden
@pytest.mark.parametrize("name", ["target0", "target1", "target2"])
def test_targets_of_mxnets_operator_to_the_bit(name: str, golden_dir: Path) -> None:
    folder = golden_dir / "mxnet" / "mx_ops"
    [case] = [one for one in json.loads((folder / "cases.json").read_text()) if one["name"] == name]
    said = {key: float(value) for key, value in case["attrs"].items() if key != "variances"}
    arrays = np.load(folder / f"{name}.npz")
    boxes, classes = split(arrays["in1"])
    matching = Matching(
        overlap=said.get("overlap_threshold", 0.5),
        negatives=said.get("negative_mining_ratio", -1),
        negative_overlap=said.get("negative_mining_thresh", 0.5),
    )
    found = anchor_targets(
        torch.from_numpy(arrays["in0"][0]),
        torch.from_numpy(arrays["in2"]).transpose(1, 2),
        boxes,
        classes,
        matching=matching,
    )
    assert np.array_equal(found.classes.numpy(), arrays["out2"])
    assert np.array_equal(found.offsets.flatten(1).numpy(), arrays["out0"])
    assert np.array_equal(np.repeat(found.positive.numpy(), 4, axis=1), arrays["out1"] != 0)
    assert found.positive.any()


@pytest.mark.golden
@pytest.mark.parametrize("name", ["vgg16_300_tiny", "resnet50_300_tiny"])
def test_targets_and_losses_of_the_built_in_algorithms_graph(name: str, golden_dir: Path) -> None:
    """Its own outputs, matched with its own anchors: which learn what, and each number's loss."""
    arrays = np.load(golden_dir / "mxnet" / name / "golden.npz")
    logits = torch.from_numpy(arrays["cls_prob"]).log().transpose(1, 2)
    offsets = torch.from_numpy(arrays["loc_pred"]).unflatten(1, (-1, 4))
    targets = anchor_targets(torch.from_numpy(arrays["anchors"][0]), logits, *split(arrays["label"]))
    assert np.array_equal(targets.classes.numpy(), arrays["cls_label"])
    sums = loss_sums(logits, offsets, targets)
    assert float(sums.smooth_l1) == pytest.approx(float(arrays["loc_loss"].sum()), rel=1e-5)
    assert int(sums.boxes) == np.count_nonzero(arrays["loc_loss"])
    rows = arrays["cls_label"] >= 0
    assert int(sums.classes) == rows.sum()
    wanted = np.take_along_axis(arrays["cls_prob"], np.maximum(arrays["cls_label"], 0)[:, None].astype(int), axis=1)
    assert float(sums.cross_entropy) == pytest.approx(-np.log(wanted[:, 0][rows]).sum(), rel=1e-5)


ANCHORS = torch.tensor([[0.0, 0, 0.4, 0.4], [0.1, 0, 0.5, 0.4], [0.6, 0.6, 1, 1], [0.6, 0.0, 1, 0.4], [0, 0.6, 0.4, 1]])


def matched(boxes: list[list[float]], *, ignored: list[list[float]] | None = None, **rule: float) -> Targets:
    certain = torch.tensor([0.0, 1, 2, 3, 4])  # of the background: later anchors are easier
    logits = torch.stack((certain, torch.zeros(5), torch.zeros(5)), dim=1)[None]
    shapes = (torch.tensor(boxes).reshape(-1, 4), torch.arange(len(boxes)) % 2)
    more = None if ignored is None else [torch.tensor(ignored)]
    return anchor_targets(ANCHORS, logits, [shapes[0]], [shapes[1]], more, Matching(**rule))


def test_each_object_gets_its_best_anchor_and_all_that_overlap_enough() -> None:
    only = matched([[0, 0, 0.4, 0.4]])
    assert only.classes.tolist() == [[1, 1, 0, 0, 0]]  # IoU 1 and .6; three negatives for each of the two, as far as
    faint = matched([[0.55, 0.55, 0.6, 0.61], [0, 0.0, 0.4, 0.4]])
    assert faint.positive.tolist() == [[True, True, False, False, False]]  # nothing overlaps the first at all
    both = matched([[0, 0, 0.4, 0.4], [0.05, 0, 0.45, 0.4]])
    assert both.classes.tolist() == [[1, 2, 0, 0, 0]]  # the best pair first; the second takes what is left
    torch.testing.assert_close(both.offsets[0, 0], torch.zeros(4))
    torch.testing.assert_close(both.offsets[0, 1], torch.tensor([-0.05 / 0.4 / 0.1, 0, 0, 0]))


def test_the_most_mistaken_negatives_are_learnt() -> None:
    assert matched([[0.6, 0.6, 1, 1]], negatives=1).classes.tolist() == [[0, IGNORED, 1, IGNORED, IGNORED]]
    assert matched([[0.6, 0.6, 1, 1]], negatives=-1).classes.tolist() == [[0, 0, 1, 0, 0]]


def test_regions_to_ignore_teach_no_background() -> None:
    found = matched([[0.6, 0.6, 1, 1]], ignored=[[0, 0, 0.41, 0.4]])
    assert found.classes.tolist() == [[IGNORED, IGNORED, 1, 0, 0]]  # IoU .98 and .62


def test_pictures_without_objects_teach_nothing_unless_asked() -> None:
    assert (matched([]).classes == IGNORED).all()
    assert matched([], empty=True).classes.tolist() == [[0, 0, 0, IGNORED, IGNORED]]  # as if there were one object
    assert matched([], empty=True, ignored=[[0, 0, 0.41, 0.4]]).classes.tolist() == [[IGNORED, IGNORED, 0, 0, 0]]


def test_offsets_take_anchors_to_boxes() -> None:
    boxes = torch.tensor([[0.2, 0.3, 0.5, 0.9]]).expand(5, 4)
    x, y, w, h = (encode(ANCHORS, boxes) * torch.tensor([0.1, 0.1, 0.2, 0.2])).T
    size = ANCHORS[:, 2:] - ANCHORS[:, :2]
    centre = (ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2 + torch.stack((x, y), 1) * size
    half = torch.stack((w, h), 1).exp() * size / 2
    torch.testing.assert_close(torch.cat((centre - half, centre + half), 1), boxes)


def test_nothing_to_learn_is_a_loss_of_nothing() -> None:
    logits, offsets = torch.randn(1, 5, 3, requires_grad=True), torch.randn(1, 5, 4, requires_grad=True)
    sums = loss_sums(logits, offsets, matched([]))
    (sums.cross_entropy + sums.smooth_l1).backward()
    assert (int(sums.classes), int(sums.boxes)) == (0, 0)
    assert logits.grad is not None
    assert offsets.grad is not None
    assert not logits.grad.any()
    assert not offsets.grad.any()
