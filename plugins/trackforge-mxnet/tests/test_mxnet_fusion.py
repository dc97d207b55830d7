"""Folding and fusing change nothing but rounding, whatever the graph."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.models.packed import PackedConvolution, packing_works
from trackforge_mxnet.graph import parse_graph
from trackforge_mxnet.program import compile_graph

CHANNELS = 4


def _grow(s, values, draw):
    """Add one layer over values of ``(B, 4, 6, 6)``; layers take any value before, so that some are used twice."""
    kind = draw(st.sampled_from(["conv", "conv", "norm", "norm", "relu", "relu", "add", "add", "pool", "copy", "zero"]))
    x, name = draw(st.sampled_from(values)), f"n{len(s.nodes)}"
    if kind == "conv":
        side = draw(st.sampled_from([1, 1, 3]))
        return s.convolution(x, name, (CHANNELS, CHANNELS, side), bias=draw(st.booleans()), pad=(side // 2, side // 2))
    if kind == "norm":
        return s.normalisation(x, name, CHANNELS, fix_gamma=draw(st.booleans()), eps="1e-3")
    if kind == "relu":
        return s("Activation", x, act_type="relu")
    if kind == "add":
        return s(draw(st.sampled_from(["elemwise_add", "broadcast_add"])), x, draw(st.sampled_from(values)))
    if kind == "pool":
        return s("Pooling", x, kernel=(3, 3), pad=(1, 1), pool_type="max")
    return s("_copy", x) if kind == "copy" else s("zeros_like", x)


@settings(max_examples=60)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_results_stay(sketch, data, seed):
    s = sketch(seed)
    values = [s.convolution(s.data(), "first", (CHANNELS, 3, 1))]
    for _ in range(data.draw(st.integers(2, 9))):
        made = _grow(s, values, data.draw)
        values.append(made)
        if data.draw(st.booleans()):  # chains are what folding looks for
            values = [*values[:-1], made, made]
    heads = [values[-1], data.draw(st.sampled_from(values))]
    graph = parse_graph(s.text(*heads), "x-symbol.json")
    quick, plain = (compile_graph(graph, s.plain, optimise=optimise) for optimise in (True, False))
    random = torch.Generator().manual_seed(seed)
    for _ in range(3):  # the second and third run take what depends on sizes from the first
        x = torch.randn((2, 3, 6, 6), generator=random)
        before = x.clone()
        for one, other in zip(quick(data=x), plain(data=x), strict=True):
            scale = max(float(other.abs().max()), 1.0)
            np.testing.assert_allclose(one.numpy() / scale, other.numpy() / scale, atol=2e-5)
        assert torch.equal(x, before)


def test_normalisations_and_additions_disappear(sketch):
    s = sketch()
    x = s("Activation", s.normalisation(s.convolution(s.data(), "a", (4, 3, 3), pad=(1, 1)), "b", 4), act_type="relu")
    inner = s("Activation", s.convolution(x, "i", (4, 4, 3), pad=(1, 1)), act_type="relu")
    y = s.normalisation(s.convolution(inner, "c", (4, 4, 3), pad=(1, 1)), "d", 4)
    z = s("Activation", s("elemwise_add", y, x), act_type="relu")
    cut = s("Activation", s.normalisation(z, "e", 4, fix_gamma=False), act_type="relu")
    text = s.text(s.convolution(cut, "f", (4, 4, 1)), z)
    program = compile_graph(parse_graph(text, "x-symbol.json"), s.plain)
    kinds = [(step.op, step.function) for step in program._steps]
    if packing_works():
        assert [op for op, _ in kinds] == ["Convolution"] * 3 + ["clip", "Convolution"]
        assert all(isinstance(function.func, PackedConvolution) for op, function in kinds if op == "Convolution")
        assert len(program._steps[2].inputs) == 2  # what is added
        assert kinds[2][1].keywords == {"relu": True}
    else:
        assert "BatchNorm" not in [op for op, _ in kinds]


def test_gains_of_nearly_nothing_stay_nothing(sketch):
    s = sketch()
    x = s.normalisation(s.data(), "a", 4, fix_gamma=False)
    s.params["arg:a_gamma"] = np.array([1e-40, -1e-40, 1e-37, 1e-31], np.float32)
    s.params["arg:a_beta"] = np.array([-0.1, 0.2, -0.1, 0.2], np.float32)
    text = s.text(s.convolution(s("relu", x), "b", (4, 4, 1)))
    data = torch.randn((1, 4, 6, 6), generator=torch.Generator().manual_seed(0))
    quick, plain = (
        compile_graph(parse_graph(text, "x-symbol.json"), s.plain, optimise=optimise)(data=data)[0]
        for optimise in (True, False)
    )
    np.testing.assert_allclose(quick.numpy(), plain.numpy(), atol=1e-6)


def test_what_depends_on_sizes_is_made_once(ssd):
    from trackforge_mxnet.recognition import recognise

    s, text = ssd
    graph = parse_graph(text, "x-symbol.json")
    program = compile_graph(graph, s.plain, heads=recognise(graph).heads)
    for side in (64, 64, 96, 64):
        rows, scores = program(data=torch.rand(1, 3, side, side))
        assert rows.shape[1] == scores.shape[2]
    made = [[step.op for step, *_ in plan._lines] for plan in program._plans.values()]
    assert len(made) == 2
    assert not any("_contrib_MultiBoxPrior" in ops for ops in made)
