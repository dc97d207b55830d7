"""Operators one by one: against what MXNet 1.9.1 gave, and against their definitions."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import TrackforgeError, WeightsError
from trackforge_mxnet.attributes import Attributes
from trackforge_mxnet.ops.regions import base_anchors
from trackforge_mxnet.suppression import overlaps, survivors
from trackforge_mxnet.table import load_operators

TABLE = load_operators()


def run(op, *inputs, **attrs):
    function = TABLE[op].make(Attributes({key: str(value) for key, value in attrs.items()}, op))
    made = function(*[torch.as_tensor(np.asarray(value)) for value in inputs])
    return [value.numpy() for value in made] if isinstance(made, tuple) else made.numpy()


def _cases():
    # by name, so that a missing folder skips the tests and does not empty the list
    kinds = {
        "prior": 4,
        "det": 6,
        "target": 3,
        "boxnms": 4,
        "boxdec": 2,
        "roialign": 1,
        "l2norm": 1,
        "pool": 6,
        "bn": 2,
    }
    return [f"{kind}{k}" for kind, count in {**kinds, "reshape": 5}.items() for k in range(count)]


@pytest.mark.golden
@pytest.mark.parametrize("name", _cases())
def test_operators_give_what_mxnet_gave(name, golden_dir: Path):
    folder = golden_dir / "mxnet" / "mx_ops"
    [case] = [case for case in json.loads((folder / "cases.json").read_text()) if case["name"] == name]
    recorded = np.load(folder / f"{name}.npz")
    attributes = Attributes(case["attrs"], name)
    function = TABLE[case["op"]].make(attributes)
    assert attributes.left() == []
    made = function(*[torch.from_numpy(recorded[f"in{k}"]) for k in range(case["n_in"])])
    made = made if isinstance(made, tuple) else (made,)
    for k in range(case["n_out"]):
        wanted = recorded[f"out{k}"]
        assert made[k].shape == wanted.shape
        if name.startswith("prior"):
            assert np.array_equal(made[k].numpy(), wanted)  # anchors to the bit
        np.testing.assert_allclose(made[k].numpy(), wanted, rtol=2e-6, atol=2e-6)


def test_there_are_34_recorded_cases(golden_dir: Path):
    recorded = json.loads((golden_dir / "mxnet" / "mx_ops" / "cases.json").read_text())
    assert sorted(case["name"] for case in recorded) == sorted(_cases())
    assert len(recorded) == 34


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    full=st.booleans(),
    kind=st.sampled_from(["max", "avg", "sum"]),
    counted=st.booleans(),
    data=st.data(),
)
def test_pooling_is_what_its_windows_say(size, kernel, stride, full, kind, counted, data):
    pad = tuple(data.draw(st.integers(0, k - 1)) for k in kernel)
    values = np.random.default_rng(0).normal(size=(1, 2, *size)).astype(np.float32)
    spans = [n + 2 * p - k for n, p, k in zip(size, pad, kernel, strict=True)]
    words = {"kernel": kernel, "stride": stride, "pad": pad, "pool_type": kind, "count_include_pad": counted}
    words["pooling_convention"] = "full" if full else "valid"
    if min(spans) < 0:
        return
    counts = [(-(-span // s) if full else span // s) + 1 for span, s in zip(spans, stride, strict=True)]
    made = run("Pooling", values, **words)
    assert made.shape == (1, 2, *counts)
    for row in range(counts[0]):
        for column in range(counts[1]):
            edges = []
            for at, n, k, s, p in zip((row, column), size, kernel, stride, pad, strict=True):
                first, last = at * s - p, min(at * s - p + k, n + p)
                edges.append((max(first, 0), max(min(last, n), 0), last - first))
            window = values[:, :, edges[0][0] : edges[0][1], edges[1][0] : edges[1][1]].reshape(1, 2, -1)
            area = edges[0][2] * edges[1][2] if counted else window.shape[2]
            if window.shape[2] == 0 or area <= 0:
                continue  # a window of padding only: MXNet leaves what it found there
            wanted = window.max(2) if kind == "max" else window.sum(2) / (area if kind == "avg" else 1)
            np.testing.assert_allclose(made[:, :, row, column], wanted, rtol=1e-5, atol=1e-6)


@given(st.integers(0, 400), st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.booleans())
def test_survivors_are_those_of_one_by_one(count, seed, inclusive, limit, grouped):
    random = np.random.default_rng(seed)
    corner = random.integers(0, 12, (count, 2)).astype(np.float32)
    boxes = np.concatenate((corner, corner + random.integers(0, 6, (count, 2))), axis=1).astype(np.float32)
    groups = random.integers(0, 3, count) if grouped else None
    over = overlaps(boxes, boxes)
    over = over >= np.float32(limit) if inclusive else over > np.float32(limit)
    stays = np.ones(count, bool)
    for row in range(count):
        if stays[row]:
            gone = over[row] & (np.arange(count) > row)
            stays[gone if groups is None else gone & (groups == groups[row])] = False
    assert np.array_equal(survivors(boxes, limit, inclusive=inclusive, groups=groups), stays)


def test_labels_are_cut_off_and_comparisons_stay_numbers():
    assert TABLE["SoftmaxOutput"].taken == 1
    scores = np.array([[[1.0, 2.0], [3.0, 0.0]]], np.float32)
    np.testing.assert_allclose(run("SoftmaxOutput", scores, multi_output=True).sum(1), 1, rtol=1e-6)
    made = run("_greater_scalar", scores, scalar="1.5")
    assert made.dtype == np.float32
    assert made.tolist() == [[[0, 1], [1, 0]]]
    assert run("round", np.array([-1.5, -0.5, 0.5, 2.5], np.float32)).tolist() == [-2, -1, 1, 3]
    assert run("rint", np.array([-1.5, 0.5, 1.5, 1.6], np.float32)).tolist() == [-2, 0, 1, 2]
    assert run("_div_scalar", np.array([7, -7]), scalar="2").tolist() == [3, -3]  # whole numbers stay whole


def test_a_condition_of_one_axis_chooses_rows():
    one, other = np.zeros((3, 2), np.float32), np.ones((3, 2), np.float32)
    assert run("where", np.array([1.0, 0.0, 2.0], np.float32), one, other).tolist() == [[0, 0], [1, 1], [0, 0]]


def test_roi_pooling_takes_the_greatest_of_each_bin():
    data = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    made = run(
        "ROIPooling",
        data,
        np.array([[0, 0, 0, 10, 10], [3, 0, 0, 1, 1]], np.float32),
        pooled_size="(2, 2)",
        spatial_scale="0.5",
    )
    assert made[0, 0].tolist() == [[14, 17], [32, 35]]
    assert made[1].tolist() == [[[0, 0], [0, 0]]]  # of a picture that is not there


def test_proposals_are_the_best_boxes_that_do_not_overlap():
    assert base_anchors(16, (8.0,), (1.0,)).tolist() == [[-56.0, -56.0, 71.0, 71.0]]
    scores = np.zeros((1, 2, 4, 4), np.float32)
    scores[0, 1] = np.linspace(0, 1, 16).reshape(4, 4)
    made = run(
        "_contrib_Proposal", scores, np.zeros((1, 4, 4, 4), np.float32), np.array([[64, 64, 1]], np.float32),
        scales="(2,)", ratios="(1,)", rpn_post_nms_top_n="6", rpn_min_size="4", threshold="0.5",
    )  # fmt: skip
    assert made.shape == (6, 5)
    assert made[0].tolist() == [0, 40, 40, 63, 63]  # the last cell, cut to the picture
    assert (made[:, 1:] >= 0).all()
    assert (made[:, 1:] <= 63).all()


@pytest.mark.parametrize(
    ("op", "attrs", "said"),
    [
        ("Convolution", {"kernel": "(3, 3", "num_filter": "4"}, "kernel must be a whole number"),
        ("Convolution", {"num_filter": "4"}, "kernel must be there"),
        ("Pooling", {"kernel": "(2, 2)", "pool_type": "lp"}, "pool_type must be one of max, avg, sum"),
        ("_contrib_ROIAlign", {"pooled_size": "(2, 2)", "spatial_scale": "1", "position_sensitive": "True"}, "False"),
        ("Reshape", {"shape": "(1e999,)"}, "whole number"),
        ("_zeros", {"shape": "(100000, 100000)"}, "at most 100,000,000"),
        ("_arange", {"start": "0", "stop": "1e15"}, "at most 100,000,000"),
        ("LeakyReLU", {"act_type": "new"}, "act_type must be one of"),
    ],
)
def test_settings_that_cannot_be_are_refused(op, attrs, said):
    with pytest.raises(WeightsError, match=said):
        TABLE[op].make(Attributes(attrs, "here"))


@given(
    st.sampled_from(sorted(TABLE)),
    st.dictionaries(
        st.sampled_from(
            [
                "kernel",
                "shape",
                "axis",
                "num_filter",
                "stride",
                "pad",
                "eps",
                "scalar",
                "sizes",
                "ratios",
                "act_type",
                "reps",
            ]
        ),
        st.text(alphabet="0123456789-()., eNone[]TrueL", max_size=12),
    ),
)
def test_no_setting_makes_anything_but_a_refusal(op, attrs):
    # what is not an error of ours becomes one in `steps`
    with contextlib.suppress(TrackforgeError, ValueError, OverflowError, RuntimeError, ZeroDivisionError, TypeError):
        TABLE[op].make(Attributes(attrs, "here"))
