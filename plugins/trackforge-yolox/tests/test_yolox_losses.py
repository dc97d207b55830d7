"""Assignment and losses: against the official code, and what must hold whatever comes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge_yolox.head import grid
from trackforge_yolox.model import YOLOX
from trackforge_yolox.training.assignment import BYTETRACK_RULE, YOLOX_RULE, Cells, assign, elementwise_iou
from trackforge_yolox.training.losses import LossSums, Truth, loss_sums

RULES = {"main": YOLOX_RULE, "byte": BYTETRACK_RULE}
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


def truth_of(labels: np.ndarray) -> Truth:
    """Rows class, cx, cy, w, h of each picture, zero rows as padding."""
    image, row = np.nonzero((labels[..., 3] > 0) & (labels[..., 4] > 0))
    values = labels[image, row].astype(np.float64)
    xyxy = np.concatenate((values[:, 1:3] - values[:, 3:5] / 2, values[:, 1:3] + values[:, 3:5] / 2), axis=1)
    ignore = np.zeros(len(image), bool)
    return Truth(*(torch.from_numpy(v) for v in (image, xyxy, values[:, 0].astype(np.int64), ignore)))


def total(sums: LossSums) -> torch.Tensor:
    return (sums.box + sums.objectness + sums.classes + sums.l1) / sums.foreground.clamp(min=1)


@pytest.mark.golden
@pytest.mark.parametrize("l1", [False, True], ids=["nol1", "l1"])
@pytest.mark.parametrize("name", RULES)
def test_losses_gradients_and_assignments_are_official(name: str, l1: bool, golden_dir: Path) -> None:
    golden = np.load(golden_dir / "yolox" / f"loss_head_{name}.npz")
    maps = [torch.from_numpy(golden[f"raw_{k}"]).double().requires_grad_() for k in range(3)]
    truth = truth_of(golden["labels"])
    sums = loss_sums(maps, truth, RULES[name], l1=l1)
    key = "l1" if l1 else "nol1"
    n = sums.foreground
    found = [total(sums), sums.box / n, sums.objectness / n, sums.classes / n, sums.l1 / n, n / len(truth.image)]
    np.testing.assert_allclose([f.item() for f in found], golden[f"{key}_losses"], **CLOSE)
    total(sums).backward()
    for k, m in enumerate(maps):
        np.testing.assert_allclose(m.grad, golden[f"{key}_grad_{k}"], **CLOSE)
    for i in range(2):
        one = sums.assignments[i]
        np.testing.assert_array_equal(one.cell, np.flatnonzero(golden[f"assign{i}_fg_mask"]))
        np.testing.assert_array_equal(one.truth, golden[f"assign{i}_matched_gt"])
        np.testing.assert_allclose(one.iou, golden[f"assign{i}_pred_ious"], **CLOSE)
        kinds = truth.class_id[truth.image == i][one.truth]
        np.testing.assert_array_equal(kinds, golden[f"assign{i}_gt_classes"])
    assert len(sums.assignments[2].cell) == 0


@pytest.mark.golden
def test_the_box_loss_is_official(golden_dir: Path) -> None:
    golden = np.load(golden_dir / "yolox" / "loss_head_main.npz")
    iou = elementwise_iou(*(torch.from_numpy(golden[k]).double() for k in ("iou_pred", "iou_target")), epsilon=1e-16)
    np.testing.assert_allclose(1 - iou.square(), golden["iou_loss"], **CLOSE)


@pytest.mark.golden
@pytest.mark.parametrize(("name", "variant"), [("main", "yolox-nano"), ("byte", "bytetrack-s")])
def test_whole_model_losses_and_gradient_norms_are_official(name: str, variant: str, golden_dir: Path, formula) -> None:
    golden = json.loads((golden_dir / "yolox" / f"loss_model_{name}.json").read_text())
    bn = {"main": "bn_yolox_nano.npz", "byte": "bn_bytetrack_s_mot17.npz"}[name]
    network = formula.fill(YOLOX(variant), dict(np.load(golden_dir / "yolox" / bn))).double().train()
    images = formula.image(3, (2, 3, 96, 128 if name == "main" else 160))
    if name == "byte":
        mean, std = (np.array(v, np.float32)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        images = (images / np.float32(255) - mean) / std
    truth = truth_of(np.array(golden["labels"]))
    sums = loss_sums(network(torch.from_numpy(images).double()), truth, RULES[name], l1=True)
    n, wanted = sums.foreground, golden["losses"]
    found = {
        "total_loss": total(sums),
        "iou_loss": sums.box / n,
        "l1_loss": sums.l1 / n,
        "conf_loss": sums.objectness / n,
        "cls_loss": sums.classes / n,
        "num_fg": n / 5,
    }
    assert {k: v.item() for k, v in found.items()} == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    total(sums).backward()
    gradients = {k: float(p.grad.norm()) for k, p in network.named_parameters()}
    assert {k: gradients[k] for k in golden["grad_l2_norms"]} == pytest.approx(golden["grad_l2_norms"], rel=1e-6)
    assert np.linalg.norm(list(gradients.values())) == pytest.approx(golden["total_grad_norm"], rel=1e-6)
    state = network.state_dict()
    for key, value in golden["running_var_after"].items():
        np.testing.assert_allclose(state[key][: len(value)], value, rtol=1e-6)


SIZE = (96, 128)
CLASSES = 3


def some_maps(seed: int, images: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(images, 5 + CLASSES, SIZE[0] // s, SIZE[1] // s) for s in (8, 16, 32)]
    return [torch.randn(shape, generator=generator).double().mul_(0.7).requires_grad_() for shape in shapes]


def the_cells(maps: list[torch.Tensor]) -> Cells:
    position, stride = grid([m.detach() for m in maps])
    return Cells((position + 0.5) * stride, stride, SIZE)


def decoded(maps: list[torch.Tensor], cells: Cells) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    raw = torch.cat([m.detach().flatten(2) for m in maps], dim=2)[0].T
    boxes = torch.cat(
        (raw[:, :2] * cells.stride + cells.centre - cells.stride / 2, raw[:, 2:4].exp() * cells.stride), 1
    )
    return boxes, raw[:, 4], raw[:, 5:]


objects = st.lists(
    st.tuples(
        st.floats(-20, 150), st.floats(-20, 110), st.floats(2, 120), st.floats(2, 90), st.integers(0, CLASSES - 1)
    ),
    min_size=1,
    max_size=12,
)


def simota(rule, boxes, objectness, classes, truth, kinds, cells) -> list[tuple[int, int]]:
    """The published algorithm word for word, object by object: ``(cell, object)``, ascending."""
    near, claims = [], []
    for cx, cy, w, h in truth.tolist():
        offset = cells.centre - torch.tensor([cx, cy]).double()
        inside = (offset.abs() < torch.tensor([w, h]).double() / 2).all(dim=1)
        if rule.clip_centre:
            offset = cells.centre - torch.tensor([min(max(cx, 0), SIZE[1]), min(max(cy, 0), SIZE[0])]).double()
        close = (offset.abs() < rule.radius * cells.stride).all(dim=1)
        near.append((close | inside, close & inside) if rule.inside else (close, close))
    pool = torch.stack([n[0] for n in near]).any(dim=0).nonzero()[:, 0]
    costs = []
    for (_, good), box, kind in zip(near, truth, kinds, strict=True):
        iou = elementwise_iou(box.expand(len(pool), 4), boxes[pool])
        p = (classes[pool].sigmoid() * objectness[pool, None].sigmoid()).sqrt()
        goal = torch.nn.functional.one_hot(kind, CLASSES).double().expand_as(p)
        cost = torch.nn.functional.binary_cross_entropy(p, goal, reduction="none").sum(dim=1)
        cost = cost - 3 * (iou + 1e-8).log() + rule.penalty * ~good[pool]
        k = max(int(iou.sort(descending=True).values[:10].sum()), 1)
        claims.append(set(cost.argsort()[:k].tolist()))
        costs.append(cost)
    owners = {}
    for column in sorted(set().union(*claims)):
        mine = [g for g, claim in enumerate(claims) if column in claim]
        owners[column] = mine[0] if len(mine) == 1 else min(range(len(costs)), key=lambda g: float(costs[g][column]))
    return [(int(pool[column]), owner) for column, owner in owners.items()]


@settings(max_examples=60)
@given(rows=objects, seed=st.integers(0, 10**6), name=st.sampled_from(sorted(RULES)), pairs=st.integers(1, 2000))
def test_assignment_is_simota_in_groups_of_any_size(rows, seed: int, name: str, pairs: int) -> None:
    maps = some_maps(seed)
    cells = the_cells(maps)
    table = torch.tensor(rows).double()
    truth, kinds = table[:, :4], table[:, 4].long()
    predicted = decoded(maps, cells)
    found = assign(RULES[name], *predicted, truth, kinds, cells, pairs=pairs)
    assert list(zip(found.cell.tolist(), found.truth.tolist(), strict=True)) == simota(
        RULES[name], *predicted, truth, kinds, cells
    )
    torch.testing.assert_close(found.iou, elementwise_iou(truth[found.truth], predicted[0][found.cell]))


def one_object(*, ignore: bool = False, box: tuple[float, ...] = (40, 30, 70, 80)) -> Truth:
    return Truth(torch.tensor([0]), torch.tensor([box]).double(), torch.tensor([1]), torch.tensor([ignore]))


def objectness_gradient(truth: Truth, **options: bool) -> torch.Tensor:
    maps = some_maps(3)
    sums = loss_sums(maps, truth, BYTETRACK_RULE, **options)
    sums.objectness.backward()
    return torch.cat([m.grad.flatten(2) for m in maps], dim=2)[0, 4]


def test_ignore_regions_teach_nothing_and_may_be_made_background() -> None:
    region = one_object(ignore=True)
    skipped = objectness_gradient(region) == 0
    cells = the_cells(some_maps(3))
    in_box = ((cells.centre - torch.tensor([55.0, 55.0])).abs() < torch.tensor([15.0, 25.0])).all(dim=1)
    assert skipped[in_box].all()
    assert not skipped.all()
    assert (objectness_gradient(region, skip_ignored=False) != 0).all()


def test_objects_inside_ignore_regions_are_still_learnt() -> None:
    inner, outer = one_object(box=(45, 40, 60, 70)), one_object(ignore=True, box=(0, 0, 128, 96))
    both = Truth(*(torch.cat(columns) for columns in zip(inner, outer, strict=True)))
    gradient = objectness_gradient(both)
    (assignment,) = loss_sums(some_maps(3), inner, BYTETRACK_RULE).assignments
    np.testing.assert_array_equal(np.flatnonzero(gradient), assignment.cell)
    assert (gradient < 0).any()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("box", [None, (900.0, 900.0, 950.0, 950.0)], ids=["no object", "far outside"])
def test_nothing_to_learn_is_finite_and_reaches_every_column(name: str, box) -> None:
    maps = some_maps(1, images=2)
    truth = one_object(box=box) if box else Truth(*(column[:0] for column in one_object()))
    sums = loss_sums(maps, truth, RULES[name], l1=True)
    total(sums).backward()
    assert torch.isfinite(total(sums))
    assert all(torch.isfinite(m.grad).all() for m in maps)
    if box is None or name == "main":
        assert int(sums.foreground) == 0
        assert sums.box.item() == sums.classes.item() == sums.l1.item() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_maps_are_compared_in_full_precision(dtype: torch.dtype) -> None:
    maps = [m.detach().to(dtype) for m in some_maps(5)]
    wanted = loss_sums([m.float() for m in maps], one_object(), YOLOX_RULE, l1=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss_sums(maps, one_object(), YOLOX_RULE, l1=True)
    assert found.box.dtype == torch.float32
    for a, b in zip(found[:5], wanted[:5], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_sums_over_two_batches_add_up_to_the_sums_over_both() -> None:
    """What lets the loss be normalised over several processes and accumulated batches."""
    first, second = some_maps(7), some_maps(8)
    truth = one_object()
    twice = Truth(*(torch.cat(columns) for columns in zip(truth, truth._replace(image=truth.image + 1), strict=True)))
    both = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    whole = loss_sums(both, twice, YOLOX_RULE, l1=True)
    parts = [loss_sums(maps, truth, YOLOX_RULE, l1=True) for maps in (first, second)]
    for name in ("box", "objectness", "classes", "l1", "foreground"):
        torch.testing.assert_close(getattr(whole, name), sum(getattr(part, name) for part in parts))
