"""Segment Anything, with small graphs of the real inputs and outputs whose masks are known to the pixel.

The encoder's embedding is the brightness of 64 x 64 cells of its square; the decoder gives what is bright within the
box, by the published way back: the square, cut to the picture's place, scaled to the picture.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trackforge
from trackforge.__main__ import main
from trackforge.errors import InvalidInputError, WeightsError
from trackforge.io.masks import decode_mask, encode_mask
from trackforge.testing import check_segmenter
from trackforge.types import Frame

HEAD = '<ir_version: 8, opset_import: ["" : 17]>'
SIZE = (256, 512)
"""Height and width of most pictures: half of the square, so that cells are 8 pixels wide."""


def saved(path: Path, text: str) -> Path:
    model = onnx.parser.parse_model(HEAD + text)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def encoder(path: Path, shape: str = "1, 3, 1024, 1024", side: int = 1024, kind: str = "float") -> Path:
    """Mean of each cell over pixels and colours, in 256 equal planes; flat ones are normalised and padded inside."""
    cell = side // 64
    flat = shape.endswith("3")
    before = f"""
        wide = Cast <to = 1> (picture)
        mean = Constant <value = float[3] {{123.675, 116.28, 103.53}}> ()
        std = Constant <value = float[3] {{58.395, 57.12, 57.375}}> ()
        centred = Sub (wide, mean)
        normal = Div (centred, std)
        turned = Transpose <perm = [2, 0, 1]> (normal)
        axis = Constant <value = int64[1] {{0}}> ()
        planes = Unsqueeze (turned, axis)
        seen = Shape (planes)
        two = Constant <value = int64[1] {{2}}> ()
        four = Constant <value = int64[1] {{4}}> ()
        sides = Slice (seen, two, four)
        most = Constant <value = int64[2] {{{side}, {side}}}> ()
        missing = Sub (most, sides)
        nought = Constant <value = int64[6] {{0, 0, 0, 0, 0, 0}}> ()
        pads = Concat <axis = 0> (nought, missing)
        square = Pad (planes, pads)
    """
    lead = before if flat else "square = Identity (picture)"
    return saved(
        path,
        f"""
        encoder ({kind}[{shape}] picture) => (float[1, 256, 64, 64] image_embeddings) {{
            {lead}
            cells = AveragePool <kernel_shape = [{cell}, {cell}], strides = [{cell}, {cell}]> (square)
            one = Constant <value = int64[1] {{1}}> ()
            grey = ReduceMean <axes = [1], keepdims = 1> (cells)
            many = Constant <value = int64[4] {{1, 256, 1, 1}}> ()
            image_embeddings = Tile (grey, many)
        }}""",
    )


def decoder(path: Path, *, masks: int = 1, low: bool = False) -> Path:
    """What is bright in the box; of several masks the second is the right one, the others are empty."""
    size = "" if low else ", float[2] orig_im_size"
    side = 256 if low else 1024
    way = (
        """
        out = Constant <value = int64[2] {256, 256}> ()
        place = Constant <value = int64[2] {256, 256}> ()
        back = Constant <value = float {0.25}> ()
        """
        if low
        else """
        out = Cast <to = 7> (orig_im_size)
        longer = ReduceMax <keepdims = 0> (orig_im_size)
        full = Constant <value = float {1024.0}> ()
        half = Constant <value = float {0.5}> ()
        scale = Div (full, longer)
        scaled = Mul (orig_im_size, scale)
        up = Add (scaled, half)
        floor = Floor (up)
        place = Cast <to = 7> (floor)
        back = Div (longer, full)
        """
    )
    scores = ", ".join("0.9" if n == min(1, masks - 1) else "0.1" for n in range(masks))
    planes = ", ".join("0.0" if n == min(1, masks - 1) else "-20.0" for n in range(masks))
    return saved(
        path,
        f"""
        decoder (float[1, 256, 64, 64] image_embeddings, float[1, n, 2] point_coords, float[1, n] point_labels,
                 float[1, 1, 256, 256] mask_input, float[1] has_mask_input{size})
            => (float[1, {masks}, h, w] masks, float[1, {masks}] iou_predictions) {{
            zero = Constant <value = int64[1] {{0}}> ()
            one = Constant <value = int64[1] {{1}}> ()
            c1 = Constant <value = int64[1] {{1}}> ()
            plane = Slice (image_embeddings, zero, one, c1)
            none = Constant <value = float[1] {{0.0}}> ()
            sizes = Constant <value = int64[4] {{1, 1, {side}, {side}}}> ()
            square = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor">
                (plane, , , sizes)
            {way}
            begin = Constant <value = int64[2] {{0, 0}}> ()
            axes = Constant <value = int64[2] {{2, 3}}> ()
            cut = Slice (square, begin, place, axes)
            ones = Constant <value = int64[2] {{1, 1}}> ()
            final = Concat <axis = 0> (ones, out)
            bright = Resize <mode = "nearest", coordinate_transformation_mode = "half_pixel", nearest_mode = "floor">
                (cut, , , final)
            light = Greater (bright, none)
            corners = Mul (point_coords, back)
            flat = Constant <value = int64[1] {{4}}> ()
            box = Reshape (corners, flat)
            p0 = Constant <value = int64 {{0}}> ()
            p1 = Constant <value = int64 {{1}}> ()
            p2 = Constant <value = int64 {{2}}> ()
            p3 = Constant <value = int64 {{3}}> ()
            x1 = Gather (box, p0)
            y1 = Gather (box, p1)
            x2 = Gather (box, p2)
            y2 = Gather (box, p3)
            height = Gather (out, p0)
            width = Gather (out, p1)
            rows = Range (p0, height, p1)
            columns = Range (p0, width, p1)
            rowsf = Cast <to = 1> (rows)
            columnsf = Cast <to = 1> (columns)
            middle = Constant <value = float {{0.5}}> ()
            y = Add (rowsf, middle)
            x = Add (columnsf, middle)
            below = Greater (y, y1)
            above = Less (y, y2)
            right = Greater (x, x1)
            left = Less (x, x2)
            iny = And (below, above)
            inx = And (right, left)
            iny2 = Unsqueeze (iny, one)
            within = And (iny2, inx)
            inside = And (light, within)
            told = Constant <value = float[1, 2] {{2.0, 3.0}}> ()
            fine = Equal (point_labels, told)
            finei = Cast <to = 7> (fine)
            good = ReduceMin <keepdims = 0> (finei)
            goodb = Cast <to = 9> (good)
            right_ones = And (inside, goodb)
            yes = Constant <value = float {{5.0}}> ()
            no = Constant <value = float {{-5.0}}> ()
            logits = Where (right_ones, yes, no)
            more = Constant <value = float[1, {masks}, 1, 1] {{{planes}}}> ()
            masks = Add (logits, more)
            iou_predictions = Constant <value = float[1, {masks}] {{{scores}}}> ()
        }}""",
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam")
    encoder(folder / "planes.onnx")
    encoder(folder / "small.onnx", "1, 3, 512, 512", 512)
    encoder(folder / "flat.onnx", "h, w, 3")
    encoder(folder / "bytes.onnx", "h, w, 3", kind="uint8")
    encoder(folder / "canvas.onnx", "512, 1024, 3")
    decoder(folder / "decoder.onnx")
    decoder(folder / "several.onnx", masks=4)
    decoder(folder / "low.onnx", low=True)
    return folder


def picture(thing: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> Frame:
    """A bright thing, ``x1, y1, x2, y2``, on a dark ground."""
    image = np.full((*size, 3), 20, np.uint8)
    image[thing[1] : thing[3], thing[0] : thing[2]] = 240
    return Frame(index=0, image=image)


@functools.cache
def sam(folder: Path, encoder: str = "planes", decoder: str = "decoder", **settings_: object):
    return trackforge.segmenter(
        "sam", encoder=folder / f"{encoder}.onnx", decoder=folder / f"{decoder}.onnx", **settings_
    )


def expected(thing: tuple[int, ...], box: tuple[float, ...], size: tuple[int, int] = SIZE) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    seen = np.zeros(size, bool)
    seen[thing[1] : thing[3], thing[0] : thing[2]] = True
    return seen & (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])


@settings(max_examples=10)
@given(
    thing=st.tuples(st.integers(0, 30), st.integers(0, 14), st.integers(31, 64), st.integers(15, 32)),
    box=st.tuples(st.floats(-20, 250), st.floats(-20, 120), st.floats(251, 540), st.floats(121, 300)),
    tall=st.booleans(),
)
def test_a_mask_is_right_to_the_pixel(files: Path, thing: tuple, box: tuple, tall: bool) -> None:
    """Cells are 8 pixels wide here, so that the square's pixels lie on the picture's."""
    size = SIZE
    thing = tuple(8 * corner for corner in thing)
    if tall:
        size, thing, box = SIZE[::-1], (*thing[1::-1], *thing[:1:-1]), (*box[1::-1], *box[:1:-1])
    box = tuple(np.float32(corner) for corner in box)
    y, x = 0.5 + np.arange(size[0]), 0.5 + np.arange(size[1])
    near = min(min(abs(x - corner).min() for corner in box[::2]), min(abs(y - corner).min() for corner in box[1::2]))
    (mask,) = sam(files).segment(picture(thing, size), np.array([box], np.float32))
    wrong = decode_mask(mask) != expected(thing, box, size)
    assert not wrong.any() or near < 1e-3  # a corner on the middle of a pixel, after rounding


@pytest.mark.parametrize("encoder", ["planes", "small", "flat", "bytes", "canvas"])
@pytest.mark.parametrize("decoder", ["decoder", "several", "low"])
@pytest.mark.parametrize("size", [SIZE, (900, 300), (33, 500)])
def test_every_kind_of_export_finds_the_way_back(files: Path, encoder: str, decoder: str, size: tuple) -> None:
    """Of any size: wrong by a cell's width along the edges at most."""
    height, width = size
    thing = (width // 4, height // 4, width // 2, height // 2)
    box = (width // 8, height // 8, 3 * width // 4, 3 * height // 4)
    (mask,) = sam(files, encoder, decoder).segment(picture(thing, size), np.array([box], np.float32))
    found, wanted = decode_mask(mask), expected(thing, box, size)
    # a cell of the square in pixels of the picture; a tall picture fills half of the canvas only
    edge = int(np.ceil(max(size) / 64 * (2 if encoder == "canvas" and height > width else 1))) + 2
    inner = (thing[0] + edge, thing[1] + edge, thing[2] - edge, thing[3] - edge)
    outer = (thing[0] - edge, thing[1] - edge, thing[2] + edge, thing[3] + edge)
    assert found[max(inner[1], 0) : max(inner[3], 0), max(inner[0], 0) : max(inner[2], 0)].all()
    assert not (found & ~expected((0, 0, width, height), outer, size)).any()
    assert found.any() == wanted.any()


def test_it_keeps_the_rules_of_its_kind(files: Path) -> None:
    check_segmenter(lambda: sam(files))
    check_segmenter(lambda: sam(files, "flat", "low"))


def test_several_boxes_get_a_mask_each_and_none_outside(files: Path) -> None:
    frame = picture((64, 64, 256, 192))
    boxes = np.array([[0, 0, 128, 128], [128, 64, 512, 256], [600, 0, 700, 50], [10, 10, 10, 50]], np.float32)
    masks = [decode_mask(mask) for mask in sam(files).segment(frame, boxes)]
    assert [mask.sum() for mask in masks] == [64 * 64, 128 * 128, 0, 0]


def test_a_threshold_is_a_setting(files: Path) -> None:
    box = np.array([[0, 0, 512, 256]], np.float32)
    assert not decode_mask(sam(files, threshold=6.0).segment(picture((0, 0, 512, 256)), box)[0]).any()


def test_files_that_do_not_fit_are_told(files: Path) -> None:
    with pytest.raises(WeightsError, match="encoder must take one picture"):
        sam(files, "decoder", "decoder")
    with pytest.raises(WeightsError, match="decoder must take image_embeddings"):
        sam(files, "planes", "planes")
    with pytest.raises(WeightsError, match="there is no file"):
        sam(files, "missing")
    with pytest.raises(InvalidInputError, match="Masks need pictures"):
        sam(files).segment(Frame(index=0, size=(10, 10)), np.array([[0, 0, 5, 5]], np.float32))


def test_a_run_gives_what_is_seen_masks(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pictures, boxes from stored answers, masks from the segmenter: in the COCO file, and again from run.toml."""
    (tmp_path / "shots").mkdir()
    (tmp_path / "answers").mkdir()
    thing, box = (64, 64, 256, 192), [0.25, 0.0, 1.0, 0.5]
    cv2.imwrite(str(tmp_path / "shots" / "a.png"), picture(thing).image[..., ::-1])
    answer = {"normalized_boxes": [box], "classes": [0], "scores": [0.9], "labels": ["lamp"]}
    (tmp_path / "answers" / "a.png.out").write_text(json.dumps(answer))
    words = ["detect", str(tmp_path / "shots"), "--detector", "response", "--weights", str(tmp_path / "answers")]
    words += ["--segmenter", "sam"]
    for part, name in (("encoder", "planes"), ("decoder", "decoder")):
        words += ["--set", f"segmenter.{part}={files / name}.onnx"]
    wanted = encode_mask(expected(thing, (128, 0, 512, 128)))
    assert main([*words, "-o", str(tmp_path / "found")]) == 0, capsys.readouterr().err
    assert "segment" in capsys.readouterr().out
    again = ["detect", "--config", str(tmp_path / "found" / "run.toml"), "-o", str(tmp_path / "again")]
    assert main(again) == 0, capsys.readouterr().err
    for folder in ("found", "again"):
        (entry,) = json.loads((tmp_path / folder / "shots.json").read_text())["annotations"]
        assert (entry["segmentation"], entry["area"]) == (wanted, 128 * 64)
    assert main([*words[:-4], "-o", str(tmp_path / "none")]) == 2
    assert "encoder" in capsys.readouterr().err
