"""Graphs as they come: old documents, foreign ones, damaged ones, hostile ones."""

from __future__ import annotations

import contextlib
import copy
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.errors import DataError, TrackforgeError, WeightsError
from trackforge.intake.limits import limited
from trackforge_mxnet.graph import parse_graph
from trackforge_mxnet.program import compile_graph
from trackforge_mxnet.recognition import recognise


def outputs(text, params, data, **words):
    program = compile_graph(parse_graph(text, "x-symbol.json"), params, **words)
    return [value.numpy() for value in program(data=torch.from_numpy(data))]


def test_documents_of_old_versions_mean_the_same(sketch):
    s = sketch()
    x = s.convolution(s.data(), "a", (4, 3, 3))
    x = s.normalisation(x, "b", 4, fix_gamma=False, eps="1e-05")
    text = s.text(s("Activation", x, act_type="relu"))
    data = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    [wanted] = outputs(text, s.plain, data)
    document = json.loads(text)
    renamed = copy.deepcopy(document)
    for node in renamed["nodes"]:
        node["attr"] = node.pop("attrs", {}) | {"ctx_group": "dev1"}
        node["inputs"] = [entry[:2] for entry in node["inputs"]]
        node["backward_source_id"] = -1
    [made] = outputs(json.dumps(renamed), s.plain, data)
    assert np.array_equal(made, wanted)
    ancient = copy.deepcopy(document)
    for node in ancient["nodes"]:
        node["param"] = node.pop("attrs", {})
        node["attr"] = {"lr_mult": "2"}
    norm = next(node for node in ancient["nodes"] if node["op"] == "BatchNorm")
    norm["inputs"] = norm["inputs"][:3]  # moving statistics were not listed before 0.9
    [made] = outputs(json.dumps(ancient), s.plain, data)
    assert np.array_equal(made, wanted)


def test_unknown_operators_are_all_named_at_once(sketch):
    s = sketch()
    x = s("CustomMagic", s.data(), name="one")
    text = s.text(s("_contrib_quantize_v2", s("CustomMagic", x)))
    with pytest.raises(WeightsError, match=r"x-symbol.json.*CustomMagic \(2x\), _contrib_quantize_v2 \(1x\)"):
        compile_graph(parse_graph(text, "x-symbol.json"), {})


def test_unknown_settings_are_named_with_their_node(sketch):
    s = sketch()
    text = s.text(s("Activation", s.data(), name="odd", act_type="relu", sparkle=3))
    with pytest.raises(WeightsError, match=r"odd \(Activation\) has settings that are not known here: sparkle"):
        compile_graph(parse_graph(text, "x-symbol.json"), {})


def test_missing_weights_are_named(ssd):
    s, text = ssd
    graph = parse_graph(text, "model.tar.gz")
    params = {name: value for name, value in s.plain.items() if not name.startswith("cls")}
    with pytest.raises(WeightsError, match=r"model.tar.gz.*4 are missing in the .params: cls0_weight, cls0_bias"):
        compile_graph(graph, params, heads=recognise(graph).heads)


def test_weights_of_another_network_are_refused_where_they_do_not_fit(ssd):
    s, text = ssd
    graph = parse_graph(text, "model.tar.gz")
    params = {**s.plain, "stem_weight": np.zeros((8, 5, 3, 3), np.float32)}
    program = compile_graph(graph, params, heads=recognise(graph).heads)
    with pytest.raises(WeightsError, match=r"model.tar.gz: stem.*cannot be carried out.*may not belong together"):
        program(data=torch.zeros(1, 3, 64, 64))


def test_networks_that_find_nothing_are_refused(sketch):
    s = sketch()
    text = s.text(s("softmax", s("Flatten", s.data())))
    with pytest.raises(WeightsError, match=r"must be a detector.*classify or segment find no boxes"):
        recognise(parse_graph(text, "x-symbol.json"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be JSON"),
        ("[]", "lists of nodes and heads"),
        ('{"nodes": [], "heads": []}', "must have 1 to"),
        ('{"nodes": [{"op": "null"}], "heads": [[0, 0, 0]]}', "an op and a name"),
        ('{"nodes": [{"op": "null", "name": "a", "inputs": [[0, 0]]}], "heads": [[0, 0]]}', "stand before it"),
        ('{"nodes": [{"op": "null", "name": "a", "inputs": []}], "heads": [[7, 0]]}', "stand before it"),
        ('{"nodes": [{"op": "null", "name": "a", "inputs": []}], "heads": [[true, 0]]}', "must name inputs as"),
        ('{"nodes": [{"op": "null", "name": "a", "attrs": {"x": 1}}], "heads": [[0, 0]]}', "must have texts in attrs"),
        ('{"nodes": [{"op": "f", "name": "a", "subgraphs": [{}]}], "heads": [[0, 0]]}', "loop or branch"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_documents_that_are_none_are_refused_with_their_file(text, said):
    with pytest.raises(DataError, match=said) as caught:
        parse_graph(text, "x-symbol.json")
    assert "x-symbol.json" in str(caught.value)


def test_an_output_that_is_not_there_is_refused(sketch):
    s = sketch()
    x = s("relu", s.data())
    program = compile_graph(parse_graph(s.text([x[0], 3]), "x-symbol.json"), {})
    with pytest.raises(WeightsError, match="gives 1 outputs; the graph takes number 4"):
        program(data=torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize(
    "grow",
    [
        lambda s, x: s("tile", x, reps=(1, 1, 100000, 100000)),
        lambda s, x: s("repeat", s("repeat", x, repeats=100000, axis=2), repeats=100000, axis=3),
        lambda s, x: s("UpSampling", x, scale=100000, sample_type="nearest"),
        lambda s, x: s(
            "broadcast_add",
            s("broadcast_to", x, shape=(0, 0, 0, 0)),
            s("Pad", x, mode="constant", pad_width=(0, 0, 0, 0, 60000, 60000, 60000, 60000)),
        ),
        lambda s, x: s.convolution(x, "wide", (2, 1, 1), pad=(60000, 60000)),
    ],
)
def test_no_graph_takes_memory_beyond_the_limit(sketch, grow):
    s = sketch()
    x = s("slice_axis", s.data(), axis=1, begin=0, end=1)
    program = compile_graph(parse_graph(s.text(grow(s, x)), "x-symbol.json"), s.plain)
    with limited(bytes=10_000_000), pytest.raises(DataError, match=r"x-symbol.json: A tensor of shape"):
        program(data=torch.zeros(1, 3, 4, 4))


def test_constants_are_bounded_too(sketch):
    s = sketch()
    x = s("tile", s.weight("w", np.zeros((10, 10))), reps=(100000, 100000))
    text = s.text(s("broadcast_add", s.data(), x))
    with limited(bytes=10_000_000), pytest.raises(DataError, match=r"x-symbol.json: A tensor of shape"):
        compile_graph(parse_graph(text, "x-symbol.json"), s.plain)


def test_constants_are_bounded_together(sketch):
    s = sketch()
    x = s.data()
    for k in range(8):
        x = s("broadcast_add", x, s("tile", s.weight(f"w{k}", np.zeros((10, 10))), reps=(50, 50)))
    text = s.text(x)
    with limited(bytes=4_000_000), pytest.raises(DataError, match=r"x-symbol.json.*follows from weights alone"):
        compile_graph(parse_graph(text, "x-symbol.json"), s.plain)
    compile_graph(parse_graph(text, "x-symbol.json"), s.plain)


def test_anchors_are_bounded(sketch):
    s = sketch()
    numbers = f"({', '.join(['0.5'] * 200)})"
    program = compile_graph(
        parse_graph(s.text(s("_contrib_MultiBoxPrior", s.data(), sizes=numbers, ratios=numbers)), "x-symbol.json"), {}
    )
    with limited(bytes=10_000_000), pytest.raises(DataError, match=r"x-symbol.json: .*: anchors, in bytes"):
        program(data=torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("optimise", [True, False])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda nodes: nodes["c"]["inputs"].pop(), r"c \(Convolution\) must have the inputs.*it has 1"),
        (lambda nodes: nodes["n"]["inputs"].pop(), r"n \(BatchNorm\) must have the inputs.*it has 4"),
        (lambda nodes: nodes["c"]["inputs"][1].__setitem__(1, 9), r"c \(Convolution\) takes output 9 of node 1"),
        (lambda nodes: nodes["e"]["inputs"][0].__setitem__(1, 9), r"takes output 9 of node|gives 1 outputs.*number 10"),
        (lambda nodes: nodes["d"]["inputs"][0].__setitem__(1, 9), r"takes output 9 of node|gives 1 outputs.*number 10"),
        (lambda nodes: nodes["r"]["inputs"][0].__setitem__(1, 9), r"takes output 9 of node|gives 1 outputs.*number 10"),
    ],
)
def test_inputs_that_are_not_there_are_told_with_their_node(sketch, damage, message, optimise):
    s = sketch()
    weight = s("_copy", s.weight("w", np.ones((4, 3, 1, 1))))
    x = s("Convolution", s.data(), weight, name="c", kernel=(1, 1), num_filter=4, no_bias=True)
    x = s.convolution(s("relu", s.normalisation(x, "n", 4), name="r"), "d", (4, 4, 1))
    document = json.loads(s.text(s.convolution(x, "e", (4, 4, 1))))
    damage({node["name"]: node for node in document["nodes"]})
    with pytest.raises(WeightsError, match=rf"x-symbol.json.*({message})"):
        outputs(json.dumps(document), s.plain, np.zeros((1, 3, 4, 4), np.float32), optimise=optimise)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=5), st.just([]), st.just({})
)
TEXTS = st.sampled_from(
    ["(0, -1)", "-1", "()", "None", "1e9", "(3, 3)", "nan", "(1,2,3,4,5,6,7,8,9)", "9" * 30, "True"]
)


@settings(max_examples=40)
@given(data=st.data())
def test_damaged_documents_end_in_errors_of_ours(ssd, data):
    s, text = ssd
    document = json.loads(text)
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(document["nodes"]))
        kind = data.draw(st.sampled_from(["field", "attribute", "edge", "op", "drop"]))
        if kind == "field":
            node[data.draw(st.sampled_from(["op", "name", "inputs", "attrs"]))] = data.draw(SCALARS)
        elif kind == "attribute" and isinstance(node.get("attrs"), dict) and node["attrs"]:
            node["attrs"][data.draw(st.sampled_from(sorted(node["attrs"])))] = data.draw(TEXTS)
        elif kind == "edge" and isinstance(node["inputs"], list) and node["inputs"]:
            node["inputs"][0] = data.draw(st.lists(st.integers(-2, 50), max_size=4))
        elif kind == "op":
            node["op"] = data.draw(
                st.sampled_from(["Reshape", "tile", "Concat", "null", "_contrib_box_nms", "pick", "x"])
            )
        elif kind == "drop" and isinstance(node["inputs"], list):
            node["inputs"] = node["inputs"][1:]
    with limited(bytes=50_000_000), contextlib.suppress(TrackforgeError):
        graph = parse_graph(json.dumps(document), "x-symbol.json")
        program = compile_graph(graph, s.plain, heads=recognise(graph).heads)
        program(data=torch.zeros(1, 3, 64, 64))
