"""Deformable convolution: every form against the original operator, and against each other."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trackforge.errors import MissingDependencyError
from trackforge_fairmot.deform import FORMS, DeformConv2d, native_works, set_form

NAMES = ("x", "offset", "mask", "weight", "bias")
GRADIENTS = ("g_in", "g_off", "g_mask", "g_w", "g_b")
EVERY = ["gather", "grid", *(["native"] if native_works() else [])]


def run(form: str, inputs: Sequence[Tensor], out_gradient: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output, and the gradient by each input."""
    leaves = [value.clone().requires_grad_() for value in inputs]
    out = FORMS[form](*leaves)
    return out.detach(), list(torch.autograd.grad(out, leaves, out_gradient))


@pytest.mark.golden
@pytest.mark.parametrize("form", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_output_and_gradients_are_those_of_the_original_operator(
    form: str, dtype: torch.dtype, golden_dir: Path
) -> None:
    golden = np.load(golden_dir / "fairmot" / "dcnv2_op.npz")
    inputs = [torch.from_numpy(golden[name]).to(dtype) for name in NAMES]
    out, gradients = run(form, inputs, torch.from_numpy(golden["grad_out"]).to(dtype))
    np.testing.assert_allclose(out, golden["out"], rtol=0, atol=2e-6)
    # The data has whole offsets, and places at exactly -1, where the gradient by the offset has two sides.
    kinks = _at_a_kink(inputs[1])
    assert 0 < kinks.sum() < kinks.numel() / 10
    for name, found in zip(GRADIENTS, gradients, strict=True):
        wanted = golden[name]
        if name == "g_off" and form != "gather":
            found, wanted = found[~kinks], wanted[~kinks.numpy()]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5, err_msg=name)


def _at_a_kink(offset: Tensor) -> Tensor:
    """Which offsets, or the other one of the same place, lead to a whole row or column, up to rounding."""
    pairs = offset.view(offset.shape[0], -1, 2, *offset.shape[2:])
    whole = (pairs - pairs.round()).abs() < 1e-4
    return whole.any(2, keepdim=True).expand_as(pairs).reshape(offset.shape)


@st.composite
def operands(draw: st.DrawFn) -> list[Tensor]:
    """Maps from one cell up, offsets that stay near, leave the map or are far off."""
    batch, channels, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    height, width, kernel = draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(st.sampled_from([1, 3, 5]))
    reach = draw(st.sampled_from([0.3, 3.0, 1e3, 1e12]))
    r = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    taps = kernel * kernel
    offset = (torch.rand(batch, 2 * taps, height, width, generator=r, dtype=torch.float64) * 2 - 1) * reach
    return [
        torch.randn(batch, channels, height, width, generator=r, dtype=torch.float64),
        offset,
        torch.rand(batch, taps, height, width, generator=r, dtype=torch.float64),
        torch.randn(outputs, channels, kernel, kernel, generator=r, dtype=torch.float64),
        torch.randn(outputs, generator=r, dtype=torch.float64),
    ]


@given(operands())
def test_forms_agree(inputs: list[Tensor]) -> None:
    out_gradient = torch.ones(inputs[0].shape[0], inputs[3].shape[0], *inputs[0].shape[2:], dtype=torch.float64)
    out, gradients = run("gather", inputs, out_gradient)
    for form in ("grid", *(["native"] if native_works() else [])):
        other, others = run(form, inputs, out_gradient)
        torch.testing.assert_close(other, out, rtol=1e-9, atol=1e-9)
        for name, one, two in zip(NAMES, gradients, others, strict=True):
            torch.testing.assert_close(two, one, rtol=1e-7, atol=1e-7, msg=name)


@given(operands())
def test_without_offsets_it_is_an_ordinary_convolution(inputs: list[Tensor]) -> None:
    x, offset, mask, weight, bias = inputs
    wanted = torch.nn.functional.conv2d(x, weight, bias, padding=weight.shape[2] // 2)
    for form in ("gather", "grid"):
        found = FORMS[form](x, torch.zeros_like(offset), torch.ones_like(mask), weight, bias)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
        none = FORMS[form](x, torch.zeros_like(offset), torch.ones_like(mask), weight, None)
        torch.testing.assert_close(none, wanted - bias.view(-1, 1, 1), rtol=1e-9, atol=1e-9)


def test_gradients_are_right_between_cells() -> None:
    torch.manual_seed(1)
    inputs = [torch.randn(1, 2, 3, 4), torch.randn(1, 18, 3, 4) * 2, torch.rand(1, 9, 3, 4), torch.randn(2, 2, 3, 3)]
    leaves = [value.double().requires_grad_() for value in [*inputs, torch.randn(2)]]
    for form in ("gather", "grid"):
        assert torch.autograd.gradcheck(FORMS[form], leaves)


def test_what_is_no_number_never_crashes_and_is_not_hidden() -> None:
    x, mask, weight = torch.ones(1, 1, 2, 2), torch.ones(1, 9, 2, 2), torch.ones(1, 1, 3, 3)
    for value in (float("nan"), float("inf"), -float("inf")):  # outside of the map, as in the original
        out = FORMS["gather"](x, torch.full((1, 18, 2, 2), value), mask, weight, None)
        torch.testing.assert_close(out, torch.zeros_like(out))
    for form in ("gather", "grid"):  # a map that is no number, as after a diverged step: so are offsets and masks
        layer = DeformConv2d(1, 1)
        set_form(layer, form)
        assert layer(torch.full((1, 1, 4, 4), float("nan"))).isnan().all()


def test_it_starts_as_half_a_convolution_and_chooses_its_form() -> None:
    layer = DeformConv2d(3, 4)
    x = torch.randn(1, 3, 5, 6)
    wanted = torch.nn.functional.conv2d(x, layer.weight, padding=1) / 2
    used: list[str] = []

    def spy(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        used.append(f"{tuple(offset.shape)} {tuple(mask.shape)}")
        return FORMS["gather"](x, offset, mask, weight, bias)

    for mode in (True, False):
        torch.testing.assert_close(layer.train(mode)(x), wanted)
    set_form(layer, spy)
    torch.testing.assert_close(layer(x), wanted)
    assert used == ["(1, 18, 5, 6) (1, 9, 5, 6)"]


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")  # the way of torch.onnx.export, too
def test_what_is_traced_for_others_reads_by_grid_sample() -> None:
    layer = DeformConv2d(2, 2).eval()
    x = torch.rand(1, 2, 4, 5)
    with torch.no_grad():
        graph = str(torch.jit.trace(layer, x).inlined_graph)
    assert "grid_sampler" in graph
    assert "embedding_bag" not in graph


STAND_IN = """
import torch


def deform_conv2d(input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), mask=None):
    batch, channels, height, width = input.shape
    kernel = weight.shape[2]
    out = torch.zeros(batch, len(weight), height, width, dtype=input.dtype)
    if bias is not None:
        out += bias.view(-1, 1, 1)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                for tap in range(kernel * kernel):
                    y = i * stride[0] - padding[0] + tap // kernel * dilation[0] + offset[b, 2 * tap, i, j]
                    x = j * stride[1] - padding[1] + tap % kernel * dilation[1] + offset[b, 2 * tap + 1, i, j]
                    for row in range(height):
                        for column in range(width):
                            share = (1 - (y - row).abs()).clamp(min=0) * (1 - (x - column).abs()).clamp(min=0)
                            out[b, :, i, j] += weight[:, :, tap // kernel, tap % kernel] @ (
                                input[b, :, row, column] * share * mask[b, tap, i, j]
                            )
    return out
"""


@pytest.fixture
def torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Write a package of that name, with torchvision's signature: what is tested is that all goes where it belongs."""

    def install(content: str) -> None:
        (tmp_path / "torchvision" / "ops.py").write_text(content)
        importlib.invalidate_caches()

    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    native_works.cache_clear()
    yield install
    native_works.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def test_the_native_form_hands_everything_to_torchvision(torchvision: Callable[[str], None]) -> None:
    torchvision(STAND_IN)
    assert native_works()
    torch.manual_seed(2)
    for kernel in (1, 3):
        x, bias = torch.randn(2, 3, 3, 4, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
        offset = torch.randn(2, 2 * kernel * kernel, 3, 4, dtype=torch.float64) * 2
        mask, weight = torch.rand_like(offset[:, ::2]), torch.randn(2, 3, kernel, kernel, dtype=torch.float64)
        for last in (bias, None):
            wanted = FORMS["gather"](x, offset, mask, weight, last)
            torch.testing.assert_close(FORMS["native"](x, offset, mask, weight, last), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "content",
    [
        "raise RuntimeError('operator torchvision::nms does not exist')",  # beside another build of torch
        "def deform_conv2d(*a, **k): raise RuntimeError('no custom C++ ops')",
        "def deform_conv2d(*a, **k): raise NotImplementedError('no kernel for this device')",
        "other = 1",
    ],
)
def test_a_torchvision_that_does_not_work_is_none(content: str, torchvision: Callable[[str], None]) -> None:
    torchvision(content)
    assert not native_works()


@pytest.mark.skipif(native_works(), reason="torchvision's operator works here")
def test_torchvision_is_asked_for_in_words_where_it_is_missing() -> None:
    with pytest.raises(MissingDependencyError, match="deform='native' needs a torchvision"):
        DeformConv2d(1, 1).requires_grad_(False).apply(lambda m: set_form(m, "native"))(torch.zeros(1, 1, 2, 2))


@pytest.mark.parametrize("form", ["gather", "grid"])
def test_half_precision_reads_at_exact_places(form: str) -> None:
    torch.manual_seed(0)
    layer = DeformConv2d(4, 4)
    torch.nn.init.normal_(layer.conv_offset_mask.weight, std=0.05)
    set_form(layer, form)
    x = torch.randn(1, 4, 40, 300)  # bfloat16 cannot tell column 257 from 258
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    torch.testing.assert_close(out.float(), layer(x), rtol=0.05, atol=0.05)
    layer.to(torch.bfloat16)
    assert layer(x.to(torch.bfloat16)).dtype == torch.bfloat16
