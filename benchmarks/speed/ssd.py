"""SSD on the CPU, one thread: our network on torch and ONNX Runtime, our executor of MXNet's graph, and MXNet itself.

The same full-size network, with random weights, from a picture's bytes to detections: native (its bundle on torch, its
export on ONNX Runtime), as an artefact executed by trackforge-mxnet, and the same artefact in MXNet 1.9.1, where
``TRACKFORGE_MXNET_PYTHON`` names an interpreter that has it (and OpenCV); else that of ``make test-mxnet``, once made.
Each works in processes of its own, in turns; reported is the least processor time of a picture over all rounds, which a
busy machine disturbs least.

``python -m benchmarks.speed.ssd [--rounds N]`` writes ``results/speed-ssd.json``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import save

NETWORKS = ("sagemaker-resnet50-512", "sagemaker-vgg16-300")
CLASSES = 20
ROUNDS = 3
PICTURES = 6
"""Detections in a row of one process; the first two are not counted."""
WORKER = Path(__file__).with_name("ssd_worker.py")


def picture(seed: int = 9) -> np.ndarray:
    """Return RGB uint8 ``(480, 640, 3)``: squares with some noise."""
    r = np.random.RandomState(seed)
    coarse = r.randint(0, 200, (12, 16, 3)).repeat(40, axis=0).repeat(40, axis=1)
    return (coarse + r.randint(0, 56, coarse.shape)).astype(np.uint8)


def write_network(name: str, folder: Path, image: np.ndarray) -> dict[str, Path]:
    """Write a network with random weights as artefact, bundle and ONNX; the same numbers in each.

    Weights of heads are scaled until logits and offsets vary as those of a trained network do, so that about as much is
    left to select from.
    """
    import torch

    from trackforge_ssd.cards import make_card
    from trackforge_ssd.export import ExportConfig, export, write_sagemaker
    from trackforge_ssd.model import SSD
    from trackforge_ssd.preprocess import preprocessing
    from trackforge_ssd.weights import save_bundle

    network = SSD(name, CLASSES).eval()
    r = np.random.RandomState(0)
    size = network.variant.size
    way = preprocessing("raw", (size, size))
    data = np.empty((1, 3, size, size), np.float32)
    way.planes(image, data[0])
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.ndim > 1:
                drawn = r.standard_normal(tuple(value.shape)) * np.sqrt(2 / value[0].numel())
                value.copy_(torch.from_numpy(drawn))
        if network.variant.base == "resnet50":
            network.backbone.bn_data.running_mean.copy_(torch.tensor([123.0, 117.0, 104.0]))
            network.backbone.bn_data.running_var.fill_(3400.0)
        maps = network.features(torch.from_numpy(data))
        for heads, spread in ((network.class_heads, 2.0), (network.box_heads, 0.5)):
            for head, x in zip(heads, maps, strict=True):
                head.weight.mul_(spread / float(head(x).std()))
    card = make_card(network.variant, [f"class {i}" for i in range(CLASSES)], way)
    files = {form: folder / f"{name}{ending}" for form, ending in (("artefact", ".tar.gz"), ("bundle", ".pth"))}
    write_sagemaker(files["artefact"], network, card)
    save_bundle(files["bundle"], network, card)
    files["onnx"] = export(ExportConfig(weights=files["bundle"], output=folder / f"{name}.onnx"))
    return files


def engines(files: dict[str, Path]) -> dict[str, tuple[str, str, Path]]:
    """Return interpreter, detector and file of each."""
    found = {
        "torch": (sys.executable, "ssd", files["bundle"]),
        "ONNX Runtime": (sys.executable, "ssd", files["onnx"]),
    }
    if importlib.util.find_spec("trackforge_mxnet.detector") is not None:
        found["executor of the graph"] = (sys.executable, "mxnet", files["artefact"])
    beside = Path(__file__).parents[2] / ".venv-mxnet" / "bin" / "python"
    other = os.environ.get("TRACKFORGE_MXNET_PYTHON") or (str(beside) if beside.is_file() else "")
    if other:
        found["MXNet 1.9.1"] = (other, "", files["artefact"])
    return found


def run(interpreter: str, detector: str, file: Path, image: Path) -> dict[str, Any]:
    """Detect in a process of one thread; returns milliseconds and rows."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [interpreter, str(WORKER), detector, str(file), str(image), str(PICTURES)],
        env={**os.environ, **threads, "MXNET_SUBGRAPH_VERBOSE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{detector or 'MXNet'} on {file.name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    networks = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        image = folder / "picture.npy"
        np.save(image, picture())
        for name in NETWORKS:
            sides = engines(write_network(name, folder, picture()))
            milliseconds: dict[str, list[float]] = {side: [] for side in sides}
            rows: dict[str, int] = {}
            for _ in range(rounds):
                for side, (interpreter, detector, file) in sides.items():
                    done = run(interpreter, detector, file, image)
                    milliseconds[side].append(done["ms"])
                    rows[side] = done["rows"]
            networks[name] = {
                "milliseconds": {k: round(min(v), 1) for k, v in milliseconds.items()},
                "detections": rows,
            }
            print(name, networks[name], flush=True)
    save("speed-ssd", {"threads": 1, "rounds": rounds, "networks": networks})


if __name__ == "__main__":
    main()
