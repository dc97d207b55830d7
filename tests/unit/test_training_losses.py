"""Normalising losses, schedules, averaged weights, batch norm of several processes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from trackforge.errors import InvalidInputError, StateError  # noqa: E402
from trackforge.training import Losses, Steps, WarmupCosine  # noqa: E402
from trackforge.training.averaging import WeightAverage, all_finite  # noqa: E402
from trackforge.training.batch_norm import GlobalBatchNorm2d, synchronise  # noqa: E402
from trackforge.training.normalising import Window  # noqa: E402


def gradient(pieces: list[tuple[Any, Any]], losses: Any) -> tuple[torch.Tensor, float]:
    """Train one step as Lightning would: each piece's loss divided by their number, then the correction."""
    weight = torch.tensor([1.5, -0.5], dtype=torch.float64, requires_grad=True)
    window = Window()
    for k, (x, count) in enumerate(pieces):
        total, reduced, _ = window.add(losses(weight, x, count), piece=k, pieces=len(pieces))
        (total / len(pieces)).backward()
    return weight.grad * window.correction(), reduced.total


DATA = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 4.0], [2.0, 2.0]], dtype=torch.float64)


def shared(weight: torch.Tensor, x: torch.Tensor, count: float) -> Losses:
    """One normaliser, and learned weights with a constant, as FairMOT has."""
    return Losses(
        {"a": ((x * weight).sum(1) ** 2).sum(), "b": (x - weight).abs().sum()},
        count,
        weights={"a": torch.exp(-weight[0].detach()), "b": 0.1},
        constant=weight.sum() * 0.5,
    )


@pytest.mark.parametrize("cut", [[4], [1, 3], [2, 2], [1, 1, 1, 1]])
def test_pieces_give_the_gradient_of_the_whole(cut: list[int]) -> None:
    """Each row counts as often as its number, so that pieces have very different normalisers."""
    counts = torch.tensor([1.0, 7.0, 0.0, 3.0])
    rows = torch.split(torch.arange(4), cut)
    pieces = [(DATA[r], counts[r].sum()) for r in rows]
    found, total = gradient(pieces, shared)
    wanted, whole = gradient([(DATA, counts.sum())], shared)
    torch.testing.assert_close(found, wanted)
    assert total == pytest.approx(whole)


def test_the_whole_is_what_the_formula_says() -> None:
    weight = torch.tensor([1.5, -0.5], dtype=torch.float64, requires_grad=True)
    total, reduced, stop = Window().add(shared(weight, DATA, 11.0), piece=0, pieces=1, stop=True)
    total, fixed = total.detach(), weight.detach()
    a, b = ((DATA * fixed).sum(1) ** 2).sum() / 11, (DATA - fixed).abs().sum() / 11
    assert float(total) == pytest.approx(float(math.exp(-1.5) * a + 0.1 * b + 0.5))
    assert reduced.total == pytest.approx(float(total))
    assert reduced.terms == pytest.approx({"a": float(a), "b": float(b)})
    assert (reduced.normalisers, reduced.broken, stop) == ({"a": 11.0, "b": 11.0}, False, True)


def test_normalisers_by_name_are_averaged_over_pieces() -> None:
    def losses(weight: torch.Tensor, x: torch.Tensor, count: Any) -> Losses:
        return Losses({"a": (x * weight).sum(), "b": x.sum() * weight[1]}, {"a": count, "b": 2.0})

    found, _ = gradient([(DATA[:2], 4.0), (DATA[2:], 2.0)], losses)
    first, _ = gradient([(DATA[:2], 4.0)], losses)
    second, _ = gradient([(DATA[2:], 2.0)], losses)
    torch.testing.assert_close(found, (first + second) / 2)


def test_an_empty_batch_divides_by_the_least() -> None:
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    total, _, _ = Window().add(Losses({"a": (weight * 3).sum()}, 0.0), piece=0, pieces=1)
    assert float(total.detach()) == 6.0
    total, _, _ = Window().add(Losses({"a": (weight * 3).sum()}, 0.0, least=4.0), piece=0, pieces=1)
    assert float(total.detach()) == 1.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_noticed(value: float) -> None:
    losses = Losses({"a": torch.tensor(1.0), "b": torch.tensor(value)}, 2.0)
    _, reduced, _ = Window().add(losses, piece=0, pieces=1)
    assert reduced.broken
    assert reduced.broken_here


@pytest.mark.parametrize(
    "wrong",
    [
        lambda t: Losses({}, 1.0),
        lambda t: Losses({"a": t}, 1.0, weights={"c": 1.0}),
        lambda t: Losses({"a": t, "b": t}, {"a": 1.0}),
        lambda t: Losses({"a": t}, {"a": 1.0, "b": 1.0}),
    ],
)
def test_losses_refuse_names_that_do_not_fit(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"sums?"):
        wrong(torch.tensor(1.0))


def test_warm_up_and_cosine() -> None:
    """YOLOX: warm-up is quadratic and starts at 0, the floor holds to the end."""
    schedule, steps, epochs = WarmupCosine(warmup=5, floor=0.05, flat=15), 100, 300
    factor = [schedule.factor(step, steps, epochs) for step in range(steps * epochs)]
    assert factor[0] == 0.0
    assert factor[250] == pytest.approx(0.25)
    assert factor[500] == 1.0
    assert factor[500 + (28500 - 500) // 2] == pytest.approx((1 + 0.05) / 2)
    assert set(factor[28500:]) == {0.05}
    assert np.diff(factor[:501]).min() > 0 > np.diff(factor[500:28501]).max()


def test_drops() -> None:
    """FairMOT: one tenth from epoch 20 on; SSD: twice."""
    assert [Steps(drops=(20,)).factor(s, 10, 30) for s in (0, 199, 200, 299)] == pytest.approx([1, 1, 0.1, 0.1])
    ssd = Steps(drops=(80, 160), warmup=1)
    assert [ssd.factor(s, 10, 240) for s in (0, 5, 10, 800, 1600)] == pytest.approx([0, 0.5, 1, 0.1, 0.01])


def test_average_follows_the_published_formula() -> None:
    model = nn.BatchNorm1d(2)
    average, wanted, state = WeightAverage(0.9998, 2000.0), None, model.state_dict()
    rng = np.random.default_rng(3)
    average.load_state_dict({"steps": 0, "state": state})
    wanted = state["running_mean"].numpy().copy()
    for n in range(1, 30):
        value = rng.normal(size=2).astype(np.float32)
        state["running_mean"].copy_(torch.from_numpy(value))
        state["num_batches_tracked"].fill_(n)
        average.update(model)
        decay = 0.9998 * (1 - math.exp(-n / 2000))
        wanted = decay * wanted + (1 - decay) * value
    with average.applied(model):
        np.testing.assert_allclose(model.running_mean.numpy(), wanted, rtol=1e-5)
        assert int(model.num_batches_tracked) == 29
    np.testing.assert_array_equal(model.running_mean.numpy(), value)


def test_average_comes_back_out_after_an_error_too() -> None:
    model = nn.Linear(2, 2)
    average = WeightAverage(0.9, 1.0)
    average.update(model)
    with torch.no_grad():
        model.weight.add_(1)
    before = model.weight.detach().clone()

    def fail() -> None:
        with average.applied(model):
            assert not torch.equal(model.weight, before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.equal(model.weight, before)


def test_no_average_is_the_model_itself() -> None:
    model = nn.Linear(2, 2)
    average = WeightAverage(0.0, 1.0)
    average.update(model)
    before = model.weight.detach().clone()
    with average.applied(model):
        assert torch.equal(model.weight, before)
    assert average.state_dict() == {"steps": 0, "state": {}}


def test_average_of_another_model_is_refused() -> None:
    average = WeightAverage(0.9, 1.0)
    average.update(nn.Linear(2, 2))
    with pytest.raises(StateError, match="weight"):
        average.update(nn.Linear(3, 2))


def test_all_finite() -> None:
    assert all_finite([torch.ones(3), torch.zeros(0), torch.arange(3)])
    assert not all_finite([torch.ones(3), torch.tensor([1.0, math.nan])])
    assert not all_finite([torch.tensor([math.inf]).half()])


def test_batch_norm_keeps_parameters_and_names() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4, eps=1e-3, momentum=0.03)))
    before, names = list(model.parameters()), list(model.state_dict())
    changed = synchronise(model, native=False)
    assert changed is model
    assert isinstance(model[1][0], GlobalBatchNorm2d)
    assert all(a is b for a, b in zip(model.parameters(), before, strict=True))
    assert list(model.state_dict()) == names
    x = torch.randn(2, 3, 5, 5)
    assert model(x).shape == (2, 4, 5, 5)  # alone it is plain batch norm


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_two_processes_is_that_of_all_pictures(tmp_path: Path, affine: bool) -> None:
    """Values, gradients and running statistics, with unequal shares."""
    torch.manual_seed(0)
    x = torch.randn(5, 3, 4, 4, dtype=torch.float32) * 3 + 2
    one = nn.BatchNorm2d(3, affine=affine)
    whole = x.clone().requires_grad_()
    out = one(whole)
    (out * x.cos()).sum().backward()
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    shares = [x[:2], x[2:]]
    workers = [
        context.Process(target=_norm_share, args=(rank, shares[rank].numpy(), affine, str(tmp_path / "meet"), queue))
        for rank in range(2)
    ]
    for worker in workers:
        worker.start()
    found = dict(queue.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join(timeout=300)
    for key, wanted in (("out", out), ("gradient", whole.grad)):
        both = np.concatenate([found[0][key], found[1][key]])
        np.testing.assert_allclose(both, wanted.detach().numpy(), rtol=1e-4, atol=1e-5, err_msg=key)
    for rank in range(2):
        np.testing.assert_allclose(found[rank]["mean"], one.running_mean.numpy(), rtol=1e-5)
        np.testing.assert_allclose(found[rank]["variance"], one.running_var.numpy(), rtol=1e-5)


def _norm_share(rank: int, share: np.ndarray, affine: bool, meet: str, queue: Any) -> None:
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=2)
    norm = synchronise(nn.Sequential(nn.BatchNorm2d(3, affine=affine)), native=False)
    x = torch.from_numpy(share).requires_grad_()
    out = norm(x)
    (out * x.detach().cos()).sum().backward()
    queue.put(
        (
            rank,
            {
                "out": out.detach().numpy(),
                "gradient": x.grad.numpy(),
                "mean": norm[0].running_mean.numpy(),
                "variance": norm[0].running_var.numpy(),
            },
        )
    )
    dist.barrier()
    dist.destroy_process_group()
