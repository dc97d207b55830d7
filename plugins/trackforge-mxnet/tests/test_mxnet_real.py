"""Against real MXNet 1.9.1 and GluonCV, which `make test-mxnet` installs; elsewhere these tests are left out."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import trackforge
from trackforge.errors import ConfigError, WeightsError
from trackforge.io.masks import decode_mask
from trackforge.io.model_archive import read_artefact
from trackforge.io.mxnet_params import read_params, write_params
from trackforge.testing import check_detector
from trackforge.types import Frame
from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.graph import parse_graph
from trackforge_mxnet.masks import draw_masks
from trackforge_mxnet.program import compile_graph
from trackforge_mxnet.real import load_gluoncv, load_mxnet
from trackforge_mxnet.table import load_operators

pytestmark = [pytest.mark.mxnet, pytest.mark.filterwarnings("ignore")]
TABLE = load_operators()


@pytest.fixture(scope="module")
def mx():
    if os.environ.get("TRACKFORGE_MXNET") != "required" and importlib.util.find_spec("mxnet") is None:
        pytest.skip("MXNet has an environment of its own: make test-mxnet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_mxnet()


@pytest.fixture(scope="module")
def zoo(mx):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_gluoncv().model_zoo


def picture(height=120, width=160, seed=1):
    random = np.random.default_rng(seed)
    image = random.integers(0, 64, (height, width, 3))
    for _ in range(6):
        y, x = random.integers(0, height - 30), random.integers(0, width - 30)
        image[y : y + random.integers(10, 30), x : x + random.integers(10, 30)] += random.integers(0, 190, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


def test_nothing_of_the_loader_stays_in_numpy_or_torch(mx, zoo):
    assert not hasattr(np, "PZERO") or np.__version__ < "2"
    assert sys.modules["torch"] is torch
    assert mx.__version__ == "1.9.1"
    assert sys.modules["gluoncv.nn.coder"].cython_bbox is None


def test_parameters_go_both_ways(mx, tmp_path):
    random = np.random.default_rng(0)
    arrays = {
        f"arg:{dtype}": (random.random((2, 3)) * 100).astype(dtype)
        for dtype in ("f4", "f8", "f2", "u1", "i4", "i1", "i8")
    }
    content = write_params(tmp_path / "ours.params", arrays)
    theirs = mx.ndarray.load(str(tmp_path / "ours.params"))
    assert list(theirs) == list(arrays)
    for name, value in arrays.items():
        assert np.array_equal(theirs[name].asnumpy(), value)
    mx.ndarray.save(str(tmp_path / "theirs.params"), theirs)
    assert (tmp_path / "theirs.params").read_bytes() == content
    assert {name: value.tolist() for name, value in read_params(tmp_path / "theirs.params").items()} == {
        name: value.tolist() for name, value in arrays.items()
    }


def _bound(mx, text, params, data):
    symbol = mx.sym.load_json(text)
    shapes = {name: value.shape for name, value in data.items() if name in symbol.list_arguments()}
    executor = symbol.simple_bind(mx.cpu(), grad_req="null", **shapes)
    given = {name.partition(":")[2]: mx.ndarray.array(value) for name, value in params.items()}
    executor.copy_params_from(
        {name: value for name, value in given.items() if name in executor.arg_dict},
        {name: value for name, value in given.items() if name in executor.aux_dict},
    )
    made = executor.forward(is_train=False, **{k: mx.ndarray.array(v) for k, v in data.items() if k in shapes})
    return [value.asnumpy() for value in made]


def test_a_graph_of_ours_is_one_of_theirs(mx, ssd):
    s, text = ssd
    data = np.random.default_rng(1).random((2, 3, 64, 64)).astype(np.float32)
    theirs = _bound(mx, text, s.params, {"data": data, "label": np.zeros((2, 640), np.float32)})
    program = compile_graph(parse_graph(text, "x"), s.plain)
    ours = [value.numpy() for value in program(data=torch.from_numpy(data))]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


IMAGE, ROWS = (2, 4, 6, 7), (3, 5)
CASES: list[tuple[str, dict[str, str], tuple[tuple[int, ...], ...]]] = [
    *((name, {}, (IMAGE,)) for name in (
        "abs", "ceil", "exp", "floor", "fix", "negative", "relu", "rint", "round", "sigmoid", "sign", "sqrt", "square",
        "tanh", "softsign", "trunc", "logical_not", "zeros_like", "ones_like", "shape_array", "Flatten", "transpose",
        "log1p", "rsqrt", "cbrt", "reciprocal", "argmax_channel", "size_array")),
    ("SoftmaxActivation", {}, (ROWS,)), ("add_n", {"num_args": "3"}, (ROWS, ROWS, ROWS)),
    *((name, {}, (IMAGE, IMAGE)) for name in (
        "elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div", "_maximum", "_minimum", "_equal", "_greater",
        "_mod", "_hypot")),
    *((name, {}, (IMAGE, (1, 4, 1, 1))) for name in (
        "broadcast_add", "broadcast_sub", "broadcast_mul", "broadcast_div", "broadcast_maximum", "broadcast_greater",
        "broadcast_lesser_equal", "broadcast_mod", "broadcast_logical_and")),
    *((name, {"scalar": "0.7"}, (IMAGE,)) for name in (
        "_plus_scalar", "_minus_scalar", "_rminus_scalar", "_mul_scalar", "_div_scalar", "_rdiv_scalar", "_mod_scalar",
        "_maximum_scalar", "_minimum_scalar", "_greater_scalar", "_lesser_equal_scalar", "_equal_scalar", "smooth_l1")),
    ("softmax", {"axis": "1", "temperature": "2.0"}, (IMAGE,)), ("log_softmax", {}, (ROWS,)),
    ("SoftmaxActivation", {"mode": "channel"}, (IMAGE,)), ("LeakyReLU", {"act_type": "elu"}, (IMAGE,)),
    ("LeakyReLU", {"slope": "0.1"}, (IMAGE,)), ("LeakyReLU", {"act_type": "gelu"}, (IMAGE,)),
    ("LeakyReLU", {"act_type": "prelu"}, (IMAGE, (4,))), ("hard_sigmoid", {}, (IMAGE,)),
    ("Activation", {"act_type": "softrelu"}, (IMAGE,)), ("clip", {"a_min": "-0.2", "a_max": "0.5"}, (IMAGE,)),
    ("Reshape", {"shape": "(0, -4, 2, -1, -3)"}, (IMAGE,)), ("Reshape", {"shape": "(-2,)"}, (IMAGE,)),
    ("slice", {"begin": "(None, 1, 5)", "end": "(None, 3, 0)", "step": "(1, 1, -2)"}, (IMAGE,)),
    ("slice_axis", {"axis": "-1", "begin": "-4", "end": "None"}, (IMAGE,)),
    ("slice_like", {"axes": "(2, 3)"}, (IMAGE, (1, 1, 3, 2))), ("broadcast_like", {}, ((1, 4, 1, 1), IMAGE)),
    ("expand_dims", {"axis": "-1"}, (IMAGE,)), ("squeeze", {}, ((1, 3, 1, 2),)),
    ("SwapAxis", {"dim1": "1", "dim2": "3"}, (IMAGE,)),
    ("tile", {"reps": "(2, 1, 3)"}, (IMAGE,)), ("repeat", {"repeats": "3", "axis": "1"}, (IMAGE,)),
    ("repeat", {"repeats": "2"}, (ROWS,)), ("reverse", {"axis": "(1,)"}, (IMAGE,)),
    ("broadcast_axis", {"axis": "(1,)", "size": "(3,)"}, ((2, 1, 4),)),
    ("broadcast_to", {"shape": "(0, 3, 4)"}, ((2, 1, 4),)),
    ("Concat", {"dim": "1", "num_args": "2"}, (IMAGE, (2, 1, 6, 7))),
    ("stack", {"axis": "1", "num_args": "2"}, (ROWS, ROWS)),
    ("SliceChannel", {"num_outputs": "2", "axis": "1"}, (IMAGE,)),
    ("SliceChannel", {"num_outputs": "3", "axis": "0", "squeeze_axis": "True"}, (ROWS,)),
    ("Pad", {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 1)"}, (IMAGE,)),
    ("Pad", {"mode": "constant", "constant_value": "3", "pad_width": "(0, 0, 0, 0, 1, 2, 3, 1)"}, (IMAGE,)),
    ("depth_to_space", {"block_size": "2"}, (IMAGE,)), ("space_to_depth", {"block_size": "2"}, ((1, 3, 4, 6),)),
    ("argsort", {"axis": "1", "is_ascend": "False"}, (ROWS,)), ("sort", {"axis": "0"}, (ROWS,)),
    ("topk", {"k": "3", "ret_typ": "both"}, (ROWS,)),
    ("topk", {"k": "2", "axis": "0", "ret_typ": "value", "is_ascend": "True"}, (ROWS,)),
    ("argmax", {"axis": "1"}, (ROWS,)), ("argmin", {"axis": "0", "keepdims": "True"}, (ROWS,)),
    ("sum", {"axis": "(1, 2)", "keepdims": "True"}, (IMAGE,)), ("mean", {"axis": "1", "exclude": "True"}, (IMAGE,)),
    ("max", {"axis": "(2, 3)"}, (IMAGE,)), ("min", {}, (IMAGE,)), ("prod", {"axis": "1"}, (ROWS,)),
    ("norm", {"ord": "2", "axis": "1"}, (ROWS,)),
    ("dot", {"transpose_b": "True"}, (ROWS, (2, 5))), ("batch_dot", {"transpose_a": "True"}, ((2, 3, 4), (2, 3, 5))),
    ("Convolution", {"kernel": "(3, 2)", "num_filter": "6", "num_group": "2", "stride": "(2, 1)",
     "dilate": "(1, 2)", "pad": "(1, 2)"},
     (IMAGE, (6, 2, 3, 2), (6,))),
    ("Deconvolution", {"kernel": "(3, 3)", "num_filter": "6", "num_group": "2", "stride": "(2, 2)",
     "pad": "(1, 1)", "adj": "(1, 0)"},
     (IMAGE, (4, 3, 3, 3))),
    ("FullyConnected", {"num_hidden": "3"}, (IMAGE, (3, 168), (3,))),
    ("FullyConnected", {"num_hidden": "3", "flatten": "False"}, (IMAGE, (3, 7), (3,))),
    ("LayerNorm", {"axis": "1"}, (IMAGE, (4,), (4,))), ("InstanceNorm", {}, (IMAGE, (4,), (4,))),
    ("L2Normalization", {"mode": "spatial"}, (IMAGE,)), ("LRN", {"nsize": "3"}, (IMAGE,)),
    ("UpSampling", {"scale": "2", "sample_type": "nearest", "num_args": "1"}, (IMAGE,)),
    ("_contrib_AdaptiveAvgPooling2D", {"output_size": "(3, 2)"}, (IMAGE,)),
    ("_contrib_BilinearResize2D", {"height": "9", "width": "4"}, (IMAGE,)),
    ("Pooling", {"kernel": "(3, 3)", "stride": "(2, 2)", "pad": "(1, 1)", "pool_type": "avg",
     "pooling_convention": "full"}, (IMAGE,)),
    ("Pooling", {"kernel": "(2, 3)", "pool_type": "sum", "stride": "(2, 1)"}, (IMAGE,)),
    ("_contrib_arange_like", {"axis": "1", "start": "2"}, (IMAGE,)),
    ("_arange", {"start": "3", "stop": "9", "step": "2", "repeat": "2"}, ()),
    ("_contrib_box_iou", {"format": "center"}, ((3, 4), (2, 4))),
]  # fmt: skip


@pytest.mark.parametrize(("op", "attrs", "shapes"), CASES, ids=[f"{case[0]}-{k}" for k, case in enumerate(CASES)])
def test_operators(mx, op, attrs, shapes):
    random = np.random.default_rng(len(op))
    values = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    if op in ("sqrt", "rsqrt", "log1p", "reciprocal", "_mod", "_contrib_box_iou"):
        values = [np.abs(value) + 0.1 for value in values]
    if op in ("rint", "round", "sign", "logical_not"):
        values[0] = np.round(values[0] * 4) / 2  # halves and zeros
    document = {
        "nodes": [
            *({"op": "null", "name": f"x{k}", "inputs": []} for k in range(len(values))),
            {"op": op, "name": "it", "attrs": attrs, "inputs": [[k, 0, 0] for k in range(len(values))]},
        ],
        "arg_nodes": list(range(len(values))),
        "heads": [[len(values), 0, 0]],
    }
    symbol = mx.sym.load_json(json.dumps(document))
    named = {f"x{k}": mx.ndarray.array(value) for k, value in enumerate(values)}
    made = symbol.bind(mx.cpu(), named).forward(is_train=False)
    attributes = Attributes(attrs, op)
    ours = TABLE[op].make(attributes)(*[torch.from_numpy(value) for value in values])
    assert attributes.left() == []
    ours = ours if isinstance(ours, tuple) else (ours,)
    for one, other in zip(ours, made, strict=False):
        wanted = other.asnumpy()
        assert one.shape == wanted.shape
        assert str(one.dtype).removeprefix("torch.") == str(wanted.dtype)
        np.testing.assert_allclose(one.numpy(), wanted, rtol=2e-5, atol=2e-5)


def test_regions_and_proposals(mx):
    random = np.random.default_rng(3)
    data = random.normal(size=(2, 3, 12, 16)).astype(np.float32)
    corner = random.uniform(0, 60, (9, 2))
    rows = np.concatenate((random.integers(0, 2, (9, 1)), corner, corner + random.uniform(1, 60, (9, 2))), axis=1)
    rows = rows.astype(np.float32)
    for name, words in (
        ("ROIPooling", {"pooled_size": (3, 4), "spatial_scale": 0.25}),
        ("_contrib_ROIAlign", {"pooled_size": (3, 4), "spatial_scale": 0.25, "sample_ratio": 3}),
        ("_contrib_ROIAlign", {"pooled_size": (2, 2), "spatial_scale": 0.25, "sample_ratio": -1}),
    ):
        function = mx.ndarray.ROIPooling if name == "ROIPooling" else mx.ndarray.contrib.ROIAlign
        wanted = function(mx.ndarray.array(data), mx.ndarray.array(rows), **words).asnumpy()
        made = TABLE[name].make(Attributes({k: str(v) for k, v in words.items()}, name))
        np.testing.assert_allclose(made(torch.from_numpy(data), torch.from_numpy(rows)).numpy(), wanted, atol=1e-5)
    scores = random.random((1, 12, 8, 10)).astype(np.float32)
    shifts = (random.normal(size=(1, 24, 8, 10)) * 0.2).astype(np.float32)
    size = np.array([[120, 150, 1.0]], np.float32)
    words = {
        "scales": (2, 4),
        "ratios": (0.5, 1, 2),
        "rpn_post_nms_top_n": 40,
        "rpn_pre_nms_top_n": 200,
        "rpn_min_size": 8,
    }
    wanted = mx.ndarray.contrib.Proposal(*map(mx.ndarray.array, (scores, shifts, size)), **words).asnumpy()
    made = TABLE["_contrib_Proposal"].make(Attributes({k: str(v) for k, v in words.items()}, "p"))
    ours = made(*map(torch.from_numpy, (scores, shifts, size))).numpy()
    np.testing.assert_allclose(ours, wanted, atol=2e-3)


@pytest.fixture(scope="module")
def exported(mx, zoo, tmp_path_factory):
    """By name of a network of the zoo: its weights and its export, random."""
    made: dict[str, tuple[Path, Path]] = {}

    def make(name, **words):
        if name not in made:
            folder = tmp_path_factory.mktemp(name.replace(".", "_"))
            mx.random.seed(1)
            network = zoo.get_model(name, pretrained=False, pretrained_base=False, root=str(folder), **words)
            network.initialize(mx.init.Normal(0.04))
            network.hybridize()
            network(mx.ndarray.zeros((1, 3, 160, 160)))
            network.save_parameters(str(folder / "net.params"))
            network.export(str(folder / "net"), 0)
            made[name] = folder / "net.params", folder / "net-symbol.json"
        return made[name]

    return make


@pytest.mark.parametrize("name", ["yolo3_mobilenet0.25_voc", "ssd_300_mobilenet0.25_voc"])
def test_networks_of_the_zoo_find_the_same_with_and_without_mxnet(name, exported):
    params, symbol = exported(name)
    size = (160, 160)
    with_mxnet = trackforge.detector("gluoncv", model=name, weights=params, size=size, score=0)
    without = trackforge.detector("mxnet", weights=symbol.parent, size=size, score=0)
    assert len(without.classes) == len(with_mxnet.classes)
    frame = Frame(index=0, image=picture())
    [theirs], [ours] = with_mxnet.detect([frame]), without.detect([frame])
    assert len(theirs) > 0
    # untrained networks have many equal scores, whose order is anybody's: rows are compared as sets, by place and class
    ours_rows = {(int(c), *np.round(box, 1).tolist()) for c, box in zip(ours.class_id, ours.xyxy, strict=True)}
    same = [
        (int(c), *np.round(box, 1).tolist()) in ours_rows for c, box in zip(theirs.class_id, theirs.xyxy, strict=True)
    ]
    assert np.mean(same) > 0.8
    np.testing.assert_allclose(np.sort(ours.score), np.sort(theirs.score), atol=1e-4)


def test_the_zoo_keeps_the_protocol(zoo, exported):
    name = "ssd_300_mobilenet0.25_voc"
    params, _ = exported(name)
    check_detector(lambda: trackforge.detector("gluoncv", model=name, weights=params, size=(96, 96)))


def test_mask_rcnn_gives_the_same_with_and_without_mxnet(mx, exported):
    few = {"rpn_test_pre_nms": 200, "rpn_test_post_nms": 24}
    _, symbol = exported("mask_rcnn_resnet18_v1b_coco", **few)
    network = mx.gluon.SymbolBlock.imports(str(symbol), ["data"], str(symbol.with_name("net-0000.params")))
    data = np.random.default_rng(4).normal(size=(1, 3, 160, 192)).astype(np.float32)
    theirs = [value.asnumpy()[0] for value in network(mx.ndarray.array(data))]
    artefact = read_artefact(symbol)
    weights = {name.partition(":")[2]: value for name, value in artefact.params.items()}
    ours = [
        v[0].numpy() for v in compile_graph(parse_graph(artefact.symbol, symbol), weights)(data=torch.from_numpy(data))
    ]
    assert [value.shape for value in ours] == [value.shape for value in theirs]
    np.testing.assert_allclose(np.sort(ours[1], axis=0), np.sort(theirs[1], axis=0), atol=1e-5)
    # equal scores stand in any order: each row of theirs is looked for among ours
    apart = np.abs(ours[2][:, None] - theirs[2][None]).max(axis=2)
    apart += 1e3 * (ours[0][:, None, 0] != theirs[0][None, :, 0])
    nearest = apart.argmin(axis=0)
    same = apart.min(axis=0) < 1e-2
    assert same.mean() > 0.9
    assert np.abs(ours[3][nearest] - theirs[3])[same].max() < 1e-3
    detector = trackforge.detector("mxnet", weights=symbol.parent, size=(160, 266), score=0)
    [found] = detector.detect([Frame(index=0, image=picture())])
    assert len(detector.classes) == 80
    assert found.mask is not None
    assert len(found.mask) == len(found) > 0


def test_masks_are_drawn_as_gluoncv_draws_them(zoo):
    from gluoncv.data.transforms.mask import fill

    random = np.random.default_rng(2)
    corner = random.uniform(-10, 60, (12, 2))
    boxes = np.concatenate((corner, corner + random.uniform(12, 70, (12, 2))), axis=1).astype(np.float32)
    import cv2

    maps = np.stack([cv2.GaussianBlur(random.random((28, 28)), (0, 0), 4) for _ in boxes]).astype(np.float32)
    maps = (maps - maps.mean()) / maps.std() * 0.2 + 0.5
    filled = fill(maps, boxes, (100, 80), 0.5)
    theirs = filled[0] if isinstance(filled, tuple) else filled
    shares = []
    for one, other in zip(draw_masks(maps, boxes, (80, 100), 0.5), theirs, strict=True):
        ours, wanted = decode_mask(one), other.astype(bool)
        if wanted.any():
            shares.append((ours & wanted).sum() / (ours | wanted).sum())
    assert len(shares) > 5
    assert np.mean(shares) > 0.9  # GluonCV rounds boxes to whole pixels first
    assert min(shares) > 0.75


def test_what_the_zoo_has_not_is_said(zoo, tmp_path, exported):
    with pytest.raises(ConfigError, match=r"no 'yolo3_darknet35_coco'.*yolo3_darknet53_coco"):
        trackforge.detector("gluoncv", model="yolo3_darknet35_coco")
    with pytest.raises(WeightsError, match="there is no file"):
        trackforge.detector("gluoncv", model="yolo3_mobilenet0.25_voc", weights=tmp_path / "x.params")
    params, _ = exported("ssd_300_mobilenet0.25_voc")
    with pytest.raises(WeightsError, match="must be there and fit"):
        trackforge.detector("gluoncv", model="yolo3_mobilenet0.25_voc", weights=params)


def test_an_artefact_of_sagemakers_shape_gives_what_mxnet_gives(mx, golden_dir):
    folder = golden_dir / "mxnet" / "resnet50_300_tiny"
    artefact = read_artefact(folder / "model.tar.gz")
    data = np.load(folder / "golden.npz")["image"].astype(np.float32).transpose(0, 3, 1, 2)
    theirs = _bound(mx, artefact.symbol, artefact.params, {"data": data, "label": np.full((1, 2, 5), -1, np.float32)})
    weights = {name.partition(":")[2]: value for name, value in artefact.params.items()}
    [ours] = compile_graph(
        parse_graph(artefact.symbol, "x"), weights, heads=[parse_graph(artefact.symbol, "x").heads[3]]
    )(data=torch.from_numpy(data.copy()))
    assert np.array_equal(ours[:, :, 0].numpy(), theirs[3][:, :, 0])
    np.testing.assert_allclose(ours.numpy(), theirs[3], atol=1e-5)
