"""A network that finds what is bright, in a file of some kilobytes with YOLOX's layout; and pictures for it.

It is a real detector, run by ONNX Runtime: small enough for tests that start servers and count their frames.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HEIGHT, WIDTH = 96, 160
SIDE = 24
"""Of the bright squares, in pixels."""
COLUMNS = 85


def write_network(path: Path) -> Path:
    """Write the network: where the mean of a cell is bright there is a person of `SIDE` pixels."""
    weight = np.zeros((COLUMNS, 3, 1, 1), np.float32)
    weight[4] = 0.08 / 3
    bias = np.full(COLUMNS, -20, np.float32)
    bias[:2], bias[4], bias[5] = 0.5, -12, 20
    constants = [
        numpy_helper.from_array(weight, "weight"),
        numpy_helper.from_array(np.array([0, COLUMNS, -1]), "shape"),
    ]
    nodes = []
    for stride in (8, 16, 32):
        one, of_stride = str(stride), bias.copy()
        of_stride[2:4] = np.log(SIDE / stride)
        if stride != 8:
            of_stride[4] = -40
        constants.append(numpy_helper.from_array(of_stride, "bias" + one))
        chances = np.concatenate([np.zeros(4), np.ones(COLUMNS - 4)]).astype(np.float32).reshape(1, -1, 1)
        constants += [numpy_helper.from_array(chances, "is" + one), numpy_helper.from_array(1 - chances, "not" + one)]
        nodes += [
            helper.make_node("AveragePool", ["images"], ["p" + one], kernel_shape=[stride] * 2, strides=[stride] * 2),
            helper.make_node("Conv", ["p" + one, "weight", "bias" + one], ["c" + one]),
            helper.make_node("Reshape", ["c" + one, "shape"], ["f" + one]),
            helper.make_node("Sigmoid", ["f" + one], ["s" + one]),
            helper.make_node("Mul", ["s" + one, "is" + one], ["a" + one]),
            helper.make_node("Mul", ["f" + one, "not" + one], ["b" + one]),
            helper.make_node("Add", ["a" + one, "b" + one], ["r" + one]),
        ]
    nodes.append(helper.make_node("Concat", ["r8", "r16", "r32"], ["all"], axis=2))
    nodes.append(helper.make_node("Transpose", ["all"], ["output"], perm=[0, 2, 1]))
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", "cells", COLUMNS])]
    graph = helper.make_graph(nodes, "bright", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def write_model(folder: Path, serve: str = "") -> Path:
    """Lay out a model folder as training leaves it: network, settings, code for AWS's toolkits.

    Args:
        folder: Made where it is not there.
        serve: Lines of ``[serve]``.
    """
    (folder / "code").mkdir(parents=True, exist_ok=True)
    write_network(folder / "model.onnx")
    (folder / "trackforge.toml").write_text(
        textwrap.dedent(
            f"""
            [detector]
            name = "yolox"
            weights = "model.onnx"
            size = [{HEIGHT}, {WIDTH}]

            [tracker]
            name = "byte"

            [serve]
            iou = 0.2
            {serve}
            """
        )
    )
    (folder / "code" / "inference.py").write_text(
        "from trackforge_sagemaker.toolkit import input_fn, model_fn, output_fn, predict_fn\n"
    )
    return folder


def scene(camera: int, frames: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield pictures of bright squares that move, as large in all sizes as the network sees them."""
    rng = np.random.default_rng(camera)
    width, height = size
    side = SIDE * max(1, round(max(width / WIDTH, height / HEIGHT)))
    places = rng.uniform(0, 1, (3, 2)) * (width - side, height - side)
    steps = rng.uniform(-2, 2, (3, 2)) * side / SIDE
    for _ in range(frames):
        image = np.full((height, width, 3), 20, np.uint8)
        for x, y in places.astype(int):
            image[y : y + side, x : x + side] = 230
        yield image
        places += steps
        over = (places < 0) | (places > (width - side, height - side))
        steps[over] *= -1
        places = np.clip(places, 0, (width - side, height - side))


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture as PNG, which keeps every pixel."""
    made = io.BytesIO()
    Image.fromarray(image).save(made, "png", compress_level=1)
    return made.getvalue()


def write_film(
    path: Path, camera: int, frames: int, size: tuple[int, int] = (WIDTH, HEIGHT), *, bitrate: int = 0
) -> Path:
    """Write a film of a camera; with a bit rate it is as large as that, by noise."""
    import av

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.bit_rate = bitrate or 1_000_000
        for image in scene(camera, frames, size):
            if bitrate:
                image = np.clip(image.astype(np.int16) + rng.integers(-20, 20, image.shape, np.int16), 0, 255)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image.astype(np.uint8), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
