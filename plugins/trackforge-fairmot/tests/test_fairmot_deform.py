"""Deformable convolution: every form against the original operator, and against each other."""

from __future__ import annotations

from collections.abc import Sequence
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
needs_native = pytest.mark.skipif(not native_works(), reason="no torchvision with working operators")
EVERY = ["gather", "grid", pytest.param("native", marks=needs_native)]


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


def test_places_that_are_no_numbers_read_nothing_or_show_but_never_crash() -> None:
    x, mask, weight = torch.ones(1, 1, 2, 2), torch.ones(1, 9, 2, 2), torch.ones(1, 1, 3, 3)
    for value in (float("nan"), float("inf"), -float("inf")):
        out = FORMS["gather"](x, torch.full((1, 18, 2, 2), value), mask, weight, None)
        torch.testing.assert_close(out, torch.zeros_like(out))


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
    assert (layer.train()._choose(x), layer.eval()._choose(x)) == (str(spy), str(spy))
    set_form(layer, "auto")
    assert (layer.train()._choose(x), layer.eval()._choose(x)) == ("gather", "grid")


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
