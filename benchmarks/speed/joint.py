"""FairMOT's usual network on one thread of a CPU: what an engine, and a way of deforming convolutions, costs.

DLA-34 with 16 deformable convolutions and four heads, at the published size of 608 x 1088, on a picture of 1920 x 1080.
Each row is the whole detector, from pixels to detections with embeddings, and of that the network with its decoding.
Weights are random, which the time does not depend on; offsets reach over several cells, as trained ones do. Rows take
turns, and what is measured is processor time, since the machine is shared. That all of them find the same is checked.

``python -m benchmarks.speed.joint`` writes ``results/speed-joint.json``. ``--device cuda`` prints pictures a second of
a GPU instead, and writes nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.context import save
from trackforge.models import KEY, Backend, ModelCard
from trackforge.types import Detections, Frame
from trackforge_fairmot.deform import DeformConv2d, native_works
from trackforge_fairmot.detector import FairmotDetector, FairmotDetectorConfig
from trackforge_fairmot.export import ExportConfig, export
from trackforge_fairmot.model import FairMOT
from trackforge_fairmot.preprocess import SIZE, preprocessing

ROUNDS = 5
REACH, SWAY = 1.0, 0.2
"""Standard deviations, in cells, of the offsets of the random network: of a tap, and of a tap from cell to cell."""
LIGHTER = ("fairmot-dlaconv34", "fairmot-yolov5s")
"""Networks without deformable convolutions, for comparison."""


def picture() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Make a picture of 1920 x 1080: blocks of colour with noise."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 192, (68, 120, 3)).repeat(16, 0).repeat(16, 1)[:1080]
    return (blocks + random.integers(0, 64, blocks.shape)).astype(np.uint8)


def weights(variant: str, folder: Path) -> Path:
    """Write a network with random weights whose activations and offsets are of the size of trained ones."""
    torch.manual_seed(0)
    network = FairMOT(variant)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # statistics become those of the pictures seen below
        if isinstance(module, DeformConv2d):
            chooser = module.conv_offset_mask
            torch.nn.init.normal_(chooser.get_parameter("bias"), std=REACH)
            torch.nn.init.normal_(chooser.weight, std=SWAY / (9 * module.weight.shape[1]) ** 0.5)
    with torch.no_grad():
        network.train()(torch.rand(2, 3, 128, 160))
    card = ModelCard(component="fairmot", classes=("person",), preprocessing=preprocessing(), variant=variant)
    path = folder / f"{variant}.pth"
    torch.save({"model": network.state_dict(), KEY: card.to_json()}, path)
    return path


class Dense:
    """A backend whose network asks all four heads in every cell, as published, and decodes after."""

    def __init__(self, backend: Any) -> None:
        from trackforge_fairmot.decode_torch import decode

        self._backend, self._decode = backend, decode
        self._network = backend._predict.network
        self.card = backend.card
        self.prepare = backend.prepare

    def infer(self, batch: Any, /) -> list[Any]:
        """Run the network; objects and embeddings of each picture."""
        with torch.inference_mode():
            return list(zip(*self._decode(*self._network(batch.data)), strict=True))


def contestants(folder: Path) -> dict[str, FairmotDetector]:
    """Make one detector a row, the first of which is what a user of a CPU gets."""
    checkpoint = weights("fairmot-dla34", folder)
    made = {}
    for deform, outputs in (("native", "objects"), ("native", "maps"), ("grid", "objects")):
        out = folder / f"{deform}-{outputs}.onnx"
        settings = ExportConfig(weights=checkpoint, output=out, deform=deform, outputs=outputs)  # type: ignore[arg-type]
        operator = "DeformConv" if deform == "native" else "GridSample"
        name = f"ONNX Runtime, {operator}" + (", all heads in every cell" if outputs == "maps" else "")
        made[name] = detector(export(settings))
    for form in ("grid", "gather", *(["native"] if native_works() else [])):
        made[f"torch, {form}"] = detector(checkpoint, deform=form)
    dense = detector(checkpoint, deform="grid")
    dense.backend = backend_of(dense)
    made["torch, grid, all heads in every cell"] = dense
    for variant in LIGHTER:
        settings = ExportConfig(weights=weights(variant, folder), output=folder / f"{variant}.onnx")
        made[f"{variant}, ONNX Runtime"] = detector(export(settings))
    return made


def backend_of(one: FairmotDetector) -> Backend:
    """Return the backend of a detector, with all heads asked in every cell."""
    return Dense(one.backend)


def detector(path: Path, **settings: Any) -> FairmotDetector:
    """Open weights for one thread; as many objects as there may be are found, which is the most work."""
    return FairmotDetector(FairmotDetectorConfig(weights=path, threads=1, score=0.0, **settings))


def same(found: Detections, wanted: Detections, name: str) -> None:
    """Compare what two rows found.

    Raises:
        SystemExit: They differ by more than float32 explains.
    """
    assert found.embedding is not None
    assert wanted.embedding is not None
    by_place = np.abs(found.xyxy[:, None] - wanted.xyxy[None]).max(axis=2)
    near = by_place.min(axis=1) < 1
    alike = (found.embedding * wanted.embedding[by_place.argmin(axis=1)]).sum(axis=1) > 0.99
    if (near & alike).mean() < 0.95:
        raise SystemExit(f"{name} finds others: {near.mean():.0%} in place, {alike.mean():.0%} alike")


def once(one: FairmotDetector, frame: Frame) -> tuple[float, float]:
    """Return seconds of processor time: of all, and of the network with its decoding."""
    begin = time.process_time()
    prepared = one.prepare([frame])
    between = time.process_time()
    one.select(one.infer(prepared))
    end = time.process_time()
    return end - begin, end - between


def run() -> dict[str, Any]:
    """Measure every row."""
    import cv2

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    frame = Frame(index=0, image=picture())
    with tempfile.TemporaryDirectory() as folder:
        rows = contestants(Path(folder))
        reference = next(iter(rows.values())).detect([frame])[0]
        for name, one in rows.items():
            found = one.detect([frame])[0]  # also the first run, which is slower
            if not name.startswith(LIGHTER):
                same(found, reference, name)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for _ in range(ROUNDS):
            for name, one in rows.items():
                times[name].append(once(one, frame))
    milliseconds = {
        name: {
            "detector": round(1e3 * statistics.median(whole for whole, _ in measured)),
            "network": round(1e3 * statistics.median(part for _, part in measured)),
            "network_range": [round(1e3 * pick(part for _, part in measured)) for pick in (min, max)],
        }
        for name, measured in times.items()
    }
    return {
        "name": "FairMOT DLA-34 on one thread",
        "input": f"{SIZE[0]}x{SIZE[1]}, picture 1920x1080, {len(reference)} objects found",
        "rounds": ROUNDS,
        "clock": "processor time",
        "torchvision_operator": native_works(),
        "milliseconds": milliseconds,
    }


def pictures_a_second(device: str) -> None:
    """Print how many pictures a second a device takes, alone and in batches, in full and half precision."""
    frame = Frame(index=0, image=picture())
    with tempfile.TemporaryDirectory() as folder:
        path = weights("fairmot-dla34", Path(folder))
        for precision in ("fp32", "fp16"):
            one = detector(path, device=device, precision=precision)
            for batch in (1, 8):
                one.detect([frame] * batch)
                begin, count = time.perf_counter(), 0
                while time.perf_counter() < begin + 5:
                    count += len(one.detect([frame] * batch))
                rate = count / (time.perf_counter() - begin)
                print(f"{device}, {precision}, batch {batch}: {rate:.1f} pictures a second")


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu, or a GPU such as cuda")
    device = parser.parse_args().device
    if device != "cpu":
        pictures_a_second(device)
        return
    result = run()
    for name, row in result["milliseconds"].items():
        print(f"{name:45} detector {row['detector']:6} ms, network {row['network']:6} ms {row['network_range']}")
    print("wrote", save("speed-joint", result))


if __name__ == "__main__":
    main()
