"""Sizes of the container image, layer by layer.

::

    make image-root                                        # out/image-cpu, by the Dockerfile itself; likewise onnx
    python -m benchmarks.image --image cpu=out/image-cpu --image onnx=out/image-onnx --wheels gpu=FOLDER ...

Layers that lie on disk are measured: the bytes of their files, and what gzip leaves of them (what is pushed, pulled and
stored). For images that cannot be carried out here, wheels downloaded for them are counted: their size, and what they
unpack to.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.context import save

SEED = 13.5e9
"""Bytes of the image that FairMOT's published job builds, by its own text."""
TITLES = {"BASE": "Debian", "ensurepip": "Python", "torch.txt": "torch", "others.txt": "others' packages"}
"""What a layer is called, by a word of the instruction that wrote it."""


def measured(folder: Path) -> list[dict[str, Any]]:
    """Return the layers of an image that ``workshop/image`` made, in order."""
    layers = json.loads((folder / "image.json").read_text())["layers"]
    rows = []
    for layer in layers:
        title = next((name for word, name in TITLES.items() if word in layer["said"]), "trackforge")
        if "-m venv" in layer["said"]:
            title = "Python"
        row = {"layer": title, "bytes": _bytes(Path(layer["folder"])), "gzip": _packed(Path(layer["folder"]))}
        if rows and rows[-1]["layer"] == title:
            rows[-1]["bytes"] += row["bytes"]
            rows[-1]["gzip"] += row["gzip"]
        else:
            rows.append(row)
    return rows


def counted(folder: Path) -> dict[str, dict[str, int]]:
    """Return the size of each wheel of a folder, packed and unpacked."""
    found = {}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            unpacked = sum(item.file_size for item in wheel.infolist())
        found["-".join(path.name.split("-")[:2])] = {"wheel": path.stat().st_size, "bytes": unpacked}
    return found


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def _packed(folder: Path) -> int:
    words = 'tar -C "$0" -cf - . | gzip -6 | wc -c'
    return int(subprocess.run(["sh", "-c", words, folder], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Write ``results/image.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--wheels", action="append", default=[], metavar="NAME=FOLDER")
    given = parser.parse_args()
    images, wheels = ([pair.partition("=")[::2] for pair in pairs] for pairs in (given.image, given.wheels))
    result = {
        "seed": SEED,
        "images": {name: measured(Path(folder)) for name, folder in images},
        "wheels": {name: counted(Path(folder)) for name, folder in wheels},
    }
    save("image", result)


if __name__ == "__main__":
    main()
