"""A model folder, a container's process that serves it, and the same detector offline."""

from __future__ import annotations

import pytest
from bright_model import HEIGHT, WIDTH, write_model
from hosted import FRAMES, hosted, tracked

import trackforge


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    base = tmp_path_factory.mktemp("ml")
    write_model(base / "model")
    return base


@pytest.fixture(scope="module")
def container(base):
    with hosted(base) as server:
        yield server


@pytest.fixture(scope="module")
def detector(base):
    return trackforge.detector("yolox", weights=str(base / "model" / "model.onnx"), size=(HEIGHT, WIDTH), nms=0.2)


@pytest.fixture(scope="module")
def steps(detector):
    return lambda camera, frames=FRAMES: tracked(detector, camera, frames)
