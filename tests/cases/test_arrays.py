"""What detectors and live programs really hand over: converted, or refused by an error of ours."""

from __future__ import annotations

import contextlib
import datetime as dt
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trackforge import Detections, Frame, boxes
from trackforge.errors import InvalidInputError, TrackforgeError
from trackforge.io.interop import from_boxes, from_rows, from_supervision
from trackforge.table import TrackTable
from trackforge.types import Stream, Tracks

torch = pytest.importorskip("torch")
ROW = [[1.0, 2.0, 3.0, 4.0, 0.5, 2.0]]
BOX = [[1.0, 2.0, 3.0, 4.0]]


class OnGpu:
    """A tensor on a GPU, as torch shows it where there is none: NumPy may not read it before it is brought over."""

    def __init__(self, value: Any) -> None:
        self._value = value
        self.dtype, self.shape = value.dtype, value.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        message = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first."
        raise TypeError(message)

    def detach(self) -> OnGpu:
        return self

    def cpu(self) -> Any:
        return self._value

    def __len__(self) -> int:
        return len(self._value)


class OfCuPy(OnGpu):
    """An array of CuPy, which refuses to become NumPy's unasked, too."""

    __cuda_array_interface__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in ("detach", "cpu"):
            raise AttributeError(name)
        return super().__getattribute__(name)

    def get(self) -> Any:
        return self._value


class OfMxnet:
    def asnumpy(self) -> Any:
        return np.array(BOX, np.float32)


def tensor(value: Any = BOX, **options: Any) -> Any:
    return torch.tensor(value, **options)


@pytest.mark.parametrize(
    "value",
    [
        tensor(),
        tensor(dtype=torch.float16),
        tensor(dtype=torch.bfloat16),
        tensor(dtype=torch.float64),
        tensor(requires_grad=True),
        tensor(requires_grad=True) * 1,
        OnGpu(tensor()),
        OnGpu(tensor(dtype=torch.bfloat16)),
        OfCuPy(np.array(BOX)),
        OfMxnet(),
        [tensor(BOX[0], requires_grad=True)],
        [OnGpu(tensor(BOX[0]))],
        np.array(BOX, np.float16),
        np.ma.masked_array(BOX),
        np.array(BOX, object),
        ((1, 2, 3, 4),),
    ],
    ids=lambda value: type(value).__name__,
)
def test_boxes_of_any_kind_convert(value: Any) -> None:
    found = Detections(xyxy=value)
    assert found.xyxy.dtype == np.float32
    assert found.xyxy.tolist() == BOX
    assert boxes.area(value).tolist() == [4.0]
    assert Detections(xyxy=BOX, embedding=value).embedding.tolist() == BOX
    assert np.asarray(Detections(xyxy=BOX, extra={"other": value}).extra["other"], float).tolist() == BOX


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
def test_rows_and_results_of_any_precision_convert(kind: str) -> None:
    dtype = getattr(torch, kind)
    for rows in (
        tensor(ROW, dtype=dtype),
        tensor(ROW, dtype=dtype, requires_grad=True),
        OnGpu(tensor(ROW, dtype=dtype)),
    ):
        found = from_rows(rows)
        assert (found.xyxy.tolist(), found.score.tolist(), found.class_id.tolist()) == (BOX, [0.5], [2])
    result = SimpleNamespace(
        xyxy=OnGpu(tensor(dtype=dtype)), conf=OnGpu(tensor([0.5], dtype=dtype)), cls=OnGpu(tensor([2.0], dtype=dtype))
    )
    found = from_boxes(result)
    assert (found.xyxy.tolist(), found.score.tolist(), found.class_id.tolist()) == (BOX, [0.5], [2])


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    CSR = tensor([[1.0, 0.0], [0.0, 1.0]]).to_sparse_csr()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (tensor().to_sparse(), r"sparse tensor; call its to_dense\(\)"),
        (CSR, r"sparse tensor"),
        (torch.empty(1, 4, device="meta"), r"meta tensor, which holds no data"),
        (np.ma.masked_array(BOX, mask=[[True, False, False, False]]), r"masked values"),
        (tensor(BOX, dtype=torch.complex64), r"complex64 is no number"),
        (np.array(BOX).astype("datetime64[s]"), r"datetime64\[s\] is no number"),
        (np.array(BOX).astype("timedelta64[s]"), r"is no number"),
        ([[1, 2, 3, "x"]], r"convertible to float32"),
        ([[1, 2], [3]], r"list cannot be made one"),
        ([[1, 2, 3, 10**400]], r"convertible to float32"),
        (object(), r"convertible to float32"),
        ([[1, 2, 3, 1e39]], r"row 0 is not finite"),
        ([[1, 2, 3, None]], r"row 0 is not finite|convertible"),
        (np.zeros(1, [("x", "f4"), ("y", "f4")]), r"is no number"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_holds_no_numbers_is_refused(value: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        Detections(xyxy=value)
    for use in (from_rows, boxes.area, lambda v: boxes.iou(v, BOX), lambda v: boxes.nms(v, [1.0], 0.5)):
        with contextlib.suppress(TrackforgeError):
            use(value)


@pytest.mark.parametrize(
    "value", [np.nan, 1.7, np.inf, -np.inf, 1e19, 2**63, 10**400, "x", "1.7", None, 1j, dt.datetime(2026, 1, 1)]
)
def test_a_class_is_a_whole_number(value: Any) -> None:
    uses: list[Callable[[], object]] = [
        lambda: Detections(xyxy=BOX, class_id=[value]),
        lambda: Detections(xyxy=BOX, class_id=np.array([value], object)),
        lambda: TrackTable(frame=[0], track_id=[1], xyxy=BOX, class_id=[value]),
    ]
    if isinstance(value, float):
        uses.append(lambda: from_rows([[*ROW[0][:5], value]]))
        uses.append(lambda: from_boxes(SimpleNamespace(xyxy=BOX, conf=[0.5], cls=np.array([[value]]))))
        uses.append(lambda: Detections(xyxy=BOX, class_id=tensor([value])))
    for use in uses:
        with pytest.raises(InvalidInputError, match="class_id must be"):
            use()


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_boxes_of_supervision_may_hold_tensors(kind: str) -> None:
    dtype = getattr(torch, kind)
    found = from_supervision(
        SimpleNamespace(  # type: ignore[arg-type]
            xyxy=OnGpu(tensor(dtype=dtype)),
            confidence=tensor([0.5], dtype=dtype, requires_grad=True),
            class_id=tensor([2.0], dtype=dtype),
            tracker_id=OnGpu(tensor([7])),
            mask=None,
            data={"speed": OnGpu(tensor([3.0], dtype=dtype))},
        )
    )
    assert (found.xyxy.tolist(), found.score.tolist(), found.class_id.tolist()) == (BOX, [0.5], [2])
    assert (found.extra["speed"].tolist(), found.extra["tracker_id"].tolist()) == ([3.0], [7])


def test_whole_numbers_of_any_kind_are_classes() -> None:
    for value in (3, 3.0, np.float16(3), np.uint64(3), True + 2, "3", np.uint8(3), 2**62):
        assert Detections(xyxy=BOX, class_id=[value]).class_id.tolist() == [int(value)]
    assert Detections(xyxy=BOX, class_id=np.array([2**60 + 1], object)).class_id.tolist() == [2**60 + 1]
    with pytest.raises(InvalidInputError, match="no whole numbers"):
        Detections(xyxy=BOX, class_id=np.array([2**63], np.uint64))


# Frames and streams


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 1, 1),
        dt.timedelta(seconds=1),
        dt.date(2026, 1, 1),
        np.datetime64("2026-01-01"),
        np.timedelta64(1, "s"),
        "0.04",
        b"1",
        float("nan"),
        10**400,
        1j,
        [1.0, 2.0],
        object(),
        torch.empty(1, device="meta"),
    ],
)
def test_a_time_is_a_number_of_seconds(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"frame\.timestamp must be a finite number of seconds"):
        Frame(index=0, timestamp=value)
    with pytest.raises(InvalidInputError, match=r"stream\.rate must be a number"):
        Stream(rate=value)


@pytest.mark.parametrize(
    "value", [0.5, np.float32(0.5), np.float64(0.5), Fraction(1, 2), Decimal("0.5"), tensor(0.5, requires_grad=True)]
)
def test_seconds_of_any_kind_become_a_plain_number(value: Any) -> None:
    time = Frame(index=0, timestamp=value).timestamp
    assert (time, isinstance(time, float)) == (0.5, True)
    assert Stream(rate=value).rate == 0.5


@pytest.mark.parametrize(
    "value", [2**63, 2**70, -1, 1.5, "1", None, 10**5000, np.nan, torch.empty(1, device="meta")], ids=range(9)
)
def test_an_index_fits_64_bits(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"frame\.index is 0-based and must be a whole number >= 0; got"):
        Frame(index=value)
    if value is not None:
        with pytest.raises(InvalidInputError, match=r"stream\.length must be a number of frames >= 0"):
            Stream(length=value)


@pytest.mark.parametrize("value", [(1,), (1, 2, 3), "ab", 5, (1.5, 2), (-1, 2), ("1", "2"), (np.nan, 1)])
def test_a_size_is_two_whole_numbers(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"frame\.size must be \(width, height\)"):
        Frame(index=0, size=value)
    with pytest.raises(InvalidInputError, match=r"stream\.size must be \(width, height\)"):
        Stream(size=value)


def test_sizes_become_plain_numbers() -> None:
    assert Frame(index=0, size=np.array([64, 48])).size == (64, 48)  # type: ignore[arg-type]
    assert Stream(size=[np.int32(64), 48]).size == (64, 48)  # type: ignore[arg-type, list-item]


def test_images_of_any_kind() -> None:
    image = torch.zeros(4, 6, 3, dtype=torch.uint8)
    assert Frame(index=0, image=OnGpu(image)).size == (6, 4)  # type: ignore[arg-type]
    for bad in (torch.zeros(4, 6, 3), torch.empty(4, 6, 3, device="meta"), [[[1, 2], [3]]], "image", image[..., :1]):
        with pytest.raises(InvalidInputError, match=r"frame\.image must be"):
            Frame(index=0, image=bad)  # type: ignore[arg-type]


def test_names_that_no_file_could_hold_are_made_readable() -> None:
    assert Frame(index=0, sequence="stra\udcdfe").sequence == Stream(name="stra\udcdfe").name == "straße"
    Frame(index=0, sequence="\ud800").sequence.encode()


@pytest.mark.parametrize("value", [None, 5, b"street"])
def test_a_name_is_text(value: Any) -> None:
    for make in (lambda: Frame(index=0, sequence=value), lambda: Stream(name=value)):
        with pytest.raises(InvalidInputError, match="must be text"):
            make()


# Half precision


@pytest.mark.parametrize("kind", [np.float16, "bfloat16", "gpu"])
def test_overlaps_of_half_precision_are_those_of_single(kind: Any) -> None:
    exact = np.array([[0, 0, 300, 300], [10, 10, 310, 310], [1000, 500, 1920, 1080]], np.float32)
    half: Any
    if kind == "bfloat16":
        half = torch.tensor(exact).to(torch.bfloat16)
    elif kind == "gpu":
        half = OnGpu(torch.tensor(exact).half())
    else:
        half = exact.astype(kind)
    single = (half.cpu() if kind == "gpu" else torch.as_tensor(half)).float().numpy()
    assert boxes.iou(half, half).tolist() == boxes.iou(single, single).tolist()
    assert boxes.iou(half, half).dtype == np.float32
    assert boxes.iou(half, half, inclusive=True).tolist() == boxes.iou(single, single, inclusive=True).tolist()
    assert boxes.giou(half, single).tolist() == boxes.giou(single, single).tolist()
    assert boxes.area(half).tolist() == boxes.area(single).tolist()
    assert boxes.nms(half, [0.9, 0.8, 0.7], 0.5).tolist() == [0, 2]
    for convert in (boxes.xywh_to_xyxy, boxes.xyxy_to_xywh, boxes.xyxy_to_xyah, boxes.xyah_to_xyxy):
        assert convert(half).tolist() == convert(single).tolist()
    assert boxes.clip(half, (640, 480)).dtype == np.float32


def test_scores_for_suppression_may_be_of_any_kind() -> None:
    two = [[0, 0, 10, 10], [0, 0, 10, 10]]
    for score in (np.array([3, 200], np.uint8), torch.tensor([0.1, 0.9]).bfloat16(), np.array([0.1, 0.9], np.float16)):
        assert boxes.nms(two, score, 0.5).tolist() == [1]
    for score, class_id in (([0.5], None), ([0.5, 0.4], [1]), ([[0.5, 0.4]], None), (["x", "y"], None)):
        with pytest.raises(InvalidInputError, match="must"):
            boxes.nms(two, score, 0.5, class_id=class_id)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(max_dims=3, max_side=5)),
        st.lists(
            st.lists(st.one_of(st.floats(), st.integers(), st.text(max_size=3), st.none()), max_size=6), max_size=3
        ),
    )
)
def test_any_array_is_taken_or_refused(value: Any) -> None:
    none = np.empty(0, np.int64)
    uses: tuple[Callable[[], object], ...] = (
        lambda: Detections(xyxy=value),
        lambda: Detections(xyxy=BOX, score=value),
        lambda: Detections(xyxy=BOX, class_id=value),
        lambda: Detections(xyxy=BOX, embedding=value),
        lambda: Detections(xyxy=BOX, mask=value),
        lambda: Detections(xyxy=BOX, extra={"other": value}),
        lambda: Tracks.empty()[value],
        lambda: Tracks(
            track_id=value, xyxy=value, score=value, class_id=none, state=none, age=none, time_since_update=none,
            detection=none,
        ),
        lambda: from_rows(value),
        lambda: from_boxes(SimpleNamespace(xyxy=value, conf=value, cls=value)),
        lambda: Frame(index=0, image=value),
        lambda: Frame(index=0, timestamp=value),
        lambda: Frame(index=value),
        lambda: Frame(index=0, size=value),
        lambda: Stream(rate=value),
        lambda: boxes.area(value),
        lambda: boxes.nms(value, value, 0.5),
    )  # fmt: skip
    with np.errstate(all="ignore"):
        for k, use in enumerate(uses):
            try:
                use()
            except TrackforgeError:
                continue
            except (IndexError, TypeError):
                assert k == 6  # as of NumPy's own arrays
