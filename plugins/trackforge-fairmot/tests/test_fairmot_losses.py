"""Targets and losses: against the official code, and what must hold whatever comes."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from trackforge.errors import InvalidInputError  # noqa: E402
from trackforge.training import Losses  # noqa: E402
from trackforge.training.augment import Targets  # noqa: E402
from trackforge_fairmot.training.config import TERMS  # noqa: E402
from trackforge_fairmot.training.losses import JointLoss, heat_sum  # noqa: E402
from trackforge_fairmot.training.targets import CellTargets, gaussian_radius, make_targets  # noqa: E402

MAP = (24, 32)
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


class Maps(NamedTuple):
    hm: torch.Tensor
    wh: torch.Tensor
    id: torch.Tensor
    reg: torch.Tensor


def formula(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor that depends on name and shape only (formula v1 of the golden data)."""
    value = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    value = 0.1 * value if len(shape) == 1 else value * math.sqrt(1 / np.prod(shape[1:]))
    return torch.from_numpy(value.astype(np.float32))


def labels(rows: list[tuple[float, ...]]) -> Targets:
    """Rows picture, x1, y1, x2, y2, identity, ignore, sorted by picture."""
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 7)
    return Targets(
        xyxy=table[:, 1:5].float(),
        class_id=torch.zeros(len(table), dtype=torch.int64),
        identity=table[:, 5].long(),
        ignore=table[:, 6] > 0,
        image=table[:, 0].long(),
    )


def golden_labels(golden: dict[str, np.ndarray]) -> Targets:
    height, width = golden["img_hw"]
    rows = []
    for picture in range(2):
        for _, identity, cx, cy, w, h in golden[f"labels_{picture}"].astype(np.float64).tolist():
            corners = (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height
            known = identity + golden["tid_start"][picture] if identity >= 0 else -1
            rows.append((picture, *corners, known, 0))
    return labels(rows)


def golden_targets(golden: dict[str, np.ndarray], *, unknown: int = -1) -> CellTargets:
    given = golden_labels(golden)
    given.identity[given.identity < 0] = unknown
    return make_targets(given, pictures=2, size=MAP)


def total(losses: Losses) -> torch.Tensor:
    assert isinstance(losses.normaliser, dict)
    value = sum(
        losses.weights.get(name, 1.0) * one / max(losses.normaliser[name], losses.least)
        for name, one in losses.sums.items()
    )
    return value if losses.constant is None else value + losses.constant


@pytest.fixture
def golden(golden_dir: Path) -> dict[str, np.ndarray]:
    return dict(np.load(golden_dir / "fairmot" / "loss_targets.npz"))


@pytest.mark.golden
def test_targets_are_official(golden: dict[str, np.ndarray]) -> None:
    made = golden_targets(golden)
    np.testing.assert_allclose(made.heat, golden["t_hm"], **CLOSE)
    picture, row = np.nonzero(golden["t_reg_mask"])
    np.testing.assert_array_equal(made.image, picture)
    np.testing.assert_array_equal(made.y * MAP[1] + made.x, golden["t_ind"][picture, row])
    np.testing.assert_allclose(made.sides, golden["t_wh"][picture, row], **CLOSE)
    np.testing.assert_allclose(made.offset, golden["t_reg"][picture, row], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(made.identity, golden["t_ids"][picture, row])
    assert bool(made.known.all())


@pytest.mark.golden
def test_the_radius_is_official(golden_dir: Path) -> None:
    table = torch.tensor(json.loads((golden_dir / "fairmot" / "misc.json").read_text())["gaussian_radius"]).double()
    torch.testing.assert_close(gaussian_radius(table[:, 0], table[:, 1]), table[:, 2], rtol=1e-6, atol=1e-6)


@pytest.mark.golden
@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("uncertainty_ce_wh0.1", {}),
        ("fix_ce_wh0.5", {"multi_loss": "fix", "wh_weight": 0.5}),
        ("uncertainty_focal_wh0.1", {"id_loss": "focal"}),
    ],
)
def test_losses_and_gradients_are_official(golden: dict[str, np.ndarray], key: str, changes: dict[str, object]) -> None:
    maps = Maps(*(torch.from_numpy(golden[f"p_{n}"]).double().requires_grad_() for n in ("hm", "wh", "id", "reg")))
    loss = JointLoss(30, 16, **changes)  # type: ignore[arg-type]
    assert loss.classifier is not None
    loss.classifier.weight.data = formula("classifier.weight", (30, 16))
    loss.classifier.bias.data = formula("classifier.bias", (30,))
    loss = loss.double()
    found = loss(maps, golden_targets(golden, unknown=5 if "focal" in key else -1))
    assert isinstance(found.normaliser, dict)
    values = [float(found.sums[n].detach() / found.normaliser[n]) for n in TERMS]
    np.testing.assert_allclose([float(total(found).detach()), *values], golden[key], **CLOSE)
    total(found).backward()
    for name, value in maps._asdict().items():
        np.testing.assert_allclose(value.grad, golden[f"{key}_grad_{name}"], **CLOSE)
    if loss.s_det is not None and loss.s_id is not None:
        np.testing.assert_allclose([float(loss.s_det.grad), float(loss.s_id.grad)], golden[f"{key}_grad_s"], **CLOSE)


# ---- what must hold whatever comes


def drawn(height: float, width: float, x: int, y: int) -> np.ndarray:
    """The Gaussian of one box as the papers say it, cell by cell."""
    radius = int(gaussian_radius(*torch.tensor([math.ceil(height), math.ceil(width)]).double()))
    rows, columns = np.mgrid[: MAP[0], : MAP[1]]
    value = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * ((2 * radius + 1) / 6) ** 2))
    return np.where((abs(columns - x) <= radius) & (abs(rows - y) <= radius), value, 0)


box = st.tuples(st.integers(0, 2), st.floats(-60, 160), st.floats(-60, 130), st.floats(0.5, 150), st.floats(0.5, 120))


@settings(max_examples=50)
@given(rows=st.lists(box, max_size=15), limit=st.sampled_from([None, 2]))
def test_many_objects_at_once_are_each_one_drawn_alone(rows: list[tuple[float, ...]], limit: int | None) -> None:
    rows = sorted(rows, key=lambda row: row[0])
    given_labels = labels([(p, x, y, x + w, y + h, k, 0) for k, (p, x, y, w, h) in enumerate(rows)])
    found = make_targets(given_labels, pictures=3, size=MAP, limit=limit)
    wanted, at = np.zeros((3, *MAP)), []
    for k, (picture, corners) in enumerate(zip(given_labels.image.tolist(), given_labels.xyxy.numpy(), strict=True)):
        if limit is not None and [r[0] for r in at].count(picture) == limit:
            continue
        x1, y1, x2, y2 = corners / 4
        cx, cy = min(max((x1 + x2) / 2, 0), MAP[1] - 1), min(max((y1 + y2) / 2, 0), MAP[0] - 1)
        wanted[picture] = np.maximum(wanted[picture], drawn(y2 - y1, x2 - x1, int(cx), int(cy)))
        at.append((picture, int(cx), int(cy), cx - x1, cy - y1, x2 - cx, y2 - cy, k))
    np.testing.assert_allclose(found.heat[:, 0], wanted, rtol=1e-5, atol=1e-6)
    columns = torch.column_stack((found.image, found.x, found.y, found.sides, found.identity))
    np.testing.assert_allclose(columns, np.array(at).reshape(-1, 8), rtol=1e-4, atol=1e-4)
    assert bool(((found.offset >= 0) & (found.offset < 1)).all())


def test_two_channels_tell_width_and_height_and_boxes_without_area_are_left_out() -> None:
    given_labels = labels([(0, 8, 8, 24, 48, 1, 0), (0, 30, 30, 30, 60, 2, 0)])
    found = make_targets(given_labels, pictures=1, size=MAP, box_channels=2)
    np.testing.assert_allclose(found.sides, [[4, 10]])


def test_ignore_regions_leave_open_what_is_there_or_are_background() -> None:
    region = (0, 40, 20, 80, 60, 3, 1)
    inner = (0, 50, 30, 60, 50, 4, 0)
    open_, closed = (
        make_targets(labels([region, inner, (1, 0, 0, 9, 9, 5, 0)]), pictures=2, size=MAP, skip_ignored=skip)
        for skip in (True, False)
    )
    assert open_.identity.tolist() == [4, 5]  # the region is no object
    hidden = np.zeros((2, 1, *MAP), bool)
    hidden[0, 0, 5:15, 10:20] = True  # cells whose middle lies in it
    np.testing.assert_array_equal(~open_.known, hidden)
    assert bool(closed.known.all())
    logits = torch.zeros((2, 1, *MAP), requires_grad=True)
    heat_sum(logits, open_.heat, open_.known)[0].backward()
    learnt = np.zeros((2, 1, *MAP), bool)
    learnt[0, 0, 10, 13] = True
    np.testing.assert_array_equal((logits.grad != 0)[torch.from_numpy(hidden)], learnt[hidden])
    assert bool((logits.grad[~torch.from_numpy(hidden)] != 0).any())


def test_a_region_beyond_the_picture_hides_nothing_else() -> None:
    found = make_targets(labels([(0, -100, -50, -3, 400, -1, 1), (0, 126, -9, 900, 900, -1, 1)]), pictures=1, size=MAP)
    np.testing.assert_array_equal(np.unique(np.nonzero(~found.known[0, 0].numpy())[1]), [31])


def some_maps(seed: int = 0, pictures: int = 2) -> Maps:
    generator = torch.Generator().manual_seed(seed)
    return Maps(*(torch.randn((pictures, c, *MAP), generator=generator).requires_grad_() for c in (1, 4, 16, 2)))


@pytest.mark.parametrize("id_loss", ["ce", "focal"])
@pytest.mark.parametrize("rows", [[], [(0, 10, 10, 30, 50, -1, 0)]], ids=["no object", "no identity"])
def test_nothing_to_learn_is_finite_and_reaches_every_parameter(id_loss: str, rows: list[tuple[float, ...]]) -> None:
    """As two processes need it: each parameter must take part in every step."""
    loss, maps = JointLoss(7, 16, id_loss=id_loss), some_maps()  # type: ignore[arg-type]
    found = loss(maps, make_targets(labels(rows), pictures=2, size=MAP))
    total(found).backward()
    assert bool(torch.isfinite(total(found)))
    assert float(found.sums["id_loss"].detach()) == 0
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in (*maps, *loss.parameters()))


@pytest.mark.parametrize("id_loss", ["ce", "focal"])
def test_unknown_identities_teach_nothing(id_loss: str) -> None:
    known, unknown = (0, 10, 10, 30, 50, 3, 0), (1, 10, 10, 30, 50, -1, 0)
    torch.manual_seed(0)
    loss = JointLoss(7, 16, id_loss=id_loss)  # type: ignore[arg-type]
    maps = some_maps()
    alone, both = (loss(maps, make_targets(labels(r), pictures=2, size=MAP)) for r in ([known], [known, unknown]))
    assert float(alone.sums["id_loss"].detach()) == float(both.sums["id_loss"].detach()) > 0
    assert both.normaliser["id_loss"] == 1


def test_without_identities_detection_is_trained_alone() -> None:
    loss, maps = JointLoss(0, 16), some_maps()
    assert [name for name, _ in loss.named_parameters()] == ["s_det"]
    found = loss(maps, make_targets(labels([(0, 10, 10, 30, 50, -1, 0)]), pictures=2, size=MAP))
    total(found).backward()
    assert maps.id.grad is None
    assert maps.hm.grad is not None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_identities_are_told_apart_too(count: int) -> None:
    loss, maps = JointLoss(count, 16), some_maps()
    assert loss.embedding_scale > 0
    total(loss(maps, make_targets(labels([(0, 10, 10, 30, 50, 0, 0)]), pictures=2, size=MAP))).backward()
    assert bool(maps.id.grad.isfinite().all())


def test_identities_beyond_the_classifier_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"0\.\.6.*got 7"):
        JointLoss(7, 16)(some_maps(), make_targets(labels([(0, 10, 10, 30, 50, 7, 0)]), pictures=2, size=MAP))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_maps_are_compared_in_full_precision(dtype: torch.dtype) -> None:
    loss, t = JointLoss(7, 16), make_targets(labels([(0, 10, 10, 30, 50, 3, 0)]), pictures=2, size=MAP)
    half = Maps(*(m.detach().to(dtype) for m in some_maps()))
    wanted = loss(Maps(*(m.float() for m in half)), t)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(half, t)
    for name in TERMS:
        assert found.sums[name].dtype == torch.float32
        assert torch.equal(found.sums[name], wanted.sums[name])


def test_sums_over_two_batches_add_up_to_the_sums_over_both() -> None:
    """What lets the loss be normalised over several processes and accumulated batches."""
    rows = [(0, 10, 10, 30, 50, 3, 0), (0, 60, 10, 90, 70, 2, 0), (1, 12, 30, 30, 50, 1, 0)]
    loss, maps = JointLoss(7, 16), some_maps()
    whole = loss(maps, make_targets(labels(rows), pictures=2, size=MAP))
    parts = [
        loss(
            Maps(*(m[p : p + 1] for m in maps)),
            make_targets(labels([(0, *r[1:]) for r in rows if r[0] == p]), pictures=1, size=MAP),
        )
        for p in (0, 1)
    ]
    for name in TERMS:
        torch.testing.assert_close(whole.sums[name], sum(part.sums[name] for part in parts))
        assert float(whole.normaliser[name]) == pytest.approx(sum(float(p.normaliser[name]) for p in parts), abs=2e-4)
