"""Sizes of the container image, layer by layer.

::

    make image-root FLAVOUR=cpu && make image-root FLAVOUR=onnx     # out/image-*, by the Dockerfile itself
    python -m benchmarks.image out/image-cpu out/image-onnx --gpu WHEELS --arm64 WHEELS

Layers that lie on disk are measured: the bytes of their files, and what gzip leaves of them (what is pushed, pulled and
stored). What cannot be carried out here is computed from the wheels that pip downloads for it: their size, and what
they unpack to; the layers below are taken as measured. ``WHEELS`` are folders of ``pip download --no-deps``: of torch,
onnxruntime-gpu and what they need; and, with ``--platform``, of everything in the image.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.context import save
from benchmarks.markdown import origin, table

SEED = 13.5e9
"""Bytes of the image that FairMOT's published job builds, by its own text."""
TITLES = {"BASE": "Debian", "ensurepip": "Python", "torch.txt": "torch", "others.txt": "others' packages"}
"""What a layer is called, by a word of the instruction that wrote it."""
BIG = re.compile("torch|triton|cuda_.*|nvidia_.*")
Rows = list[dict[str, Any]]


def measured(folder: Path) -> Rows:
    """Return the layers of an image that ``workshop/image`` made, in order."""
    rows: Rows = []
    for layer in json.loads((folder / "image.json").read_text())["layers"]:
        title = next((name for word, name in TITLES.items() if word in layer["said"]), "trackforge")
        title = "Python" if "-m venv" in layer["said"] else title
        row = {"layer": title, "bytes": _bytes(Path(layer["folder"])), "gzip": _packed(Path(layer["folder"]))}
        if rows and rows[-1]["layer"] == title:
            rows[-1]["bytes"] += row["bytes"]
            rows[-1]["gzip"] += row["gzip"]
        else:
            rows.append(row)
    return rows


def with_gpu(rows: Rows, here: dict[str, dict[str, int]], wheels: dict[str, dict[str, int]]) -> Rows:
    """Return an image's layers with CUDA's torch and ONNX Runtime in the place of those for CPUs."""
    big = [size for name, size in wheels.items() if BIG.fullmatch(name)]
    mine, its = here["onnxruntime"], wheels["onnxruntime_gpu"]
    return [
        {"layer": "torch", "bytes": sum(s["bytes"] for s in big), "gzip": sum(s["wheel"] for s in big)}
        if row["layer"] == "torch"
        else _plus(row, its["bytes"] - mine["bytes"], its["wheel"] - mine["wheel"])
        if row["layer"] == "others' packages"
        else row
        for row in rows
    ]


def elsewhere(rows: Rows, here: dict[str, dict[str, int]], wheels: dict[str, dict[str, int]]) -> Rows:
    """Return an image's layers with the same packages for another processor."""
    missing = sorted(set(here) - set(wheels))
    if missing:
        raise SystemExit(f"The folder must hold every package of the image; it lacks {', '.join(missing)}.")
    bytes_, packed = (sum(wheels[name][key] - here[name][key] for name in here) for key in ("bytes", "wheel"))
    return [_plus(row, bytes_, packed) if row["layer"] == "others' packages" else row for row in rows]


def counted(folder: Path) -> dict[str, dict[str, int]]:
    """Return the size of each wheel of a folder, packed and unpacked, by the name of its distribution."""
    found = {}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            unpacked = sum(item.file_size for item in wheel.infolist())
        found[path.name.partition("-")[0]] = {"wheel": path.stat().st_size, "bytes": unpacked}
    return found


def gathered(folder: Path) -> dict[str, dict[str, int]]:
    """Return the sizes of other people's wheels that an image was made from."""
    (wheels,) = folder.glob("layers/*/wheels")
    return {**counted(wheels / "torch"), **counted(wheels / "others")}


def _plus(row: dict[str, Any], bytes_: int, packed: int) -> dict[str, Any]:
    return {**row, "bytes": row["bytes"] + bytes_, "gzip": row["gzip"] + packed}


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def _packed(folder: Path) -> int:
    words = 'tar -C "$0" -cf - . | gzip -6 | wc -c'
    return int(subprocess.run(["sh", "-c", words, folder], check=True, capture_output=True, text=True).stdout)


def sizes(result: dict[str, Any]) -> str:
    """One row a layer, one column an image: megabytes on disk, and packed."""
    images = result["images"]
    layers = [row["layer"] for row in images[-1]["layers"]]
    columns = [{row["layer"]: (row["bytes"], row["gzip"]) for row in one["layers"]} for one in images]
    for one in columns:
        one["all"] = tuple(sum(column) for column in zip(*one.values(), strict=True))
    rows = [(name, *("{:.0f} ({:.0f})".format(*(n / 1e6 for n in one[name])) for one in columns)) for name in layers]
    rows.append(("**all**", *("**{:.0f}** ({:.0f})".format(*(n / 1e6 for n in one["all"])) for one in columns)))
    return table(("MB on disk (packed)", *(one["image"] for one in images)), rows) + origin(result)


def main() -> None:
    """Write ``results/image.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cpu", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--gpu", type=Path, required=True)
    parser.add_argument("--arm64", type=Path, required=True)
    given = parser.parse_args()
    cpu, onnx = measured(given.cpu), measured(given.onnx)
    images = [
        {"image": "`onnx`", "layers": onnx},
        {"image": "`cpu`", "layers": cpu},
        {"image": "`onnx`, arm64, computed", "layers": elsewhere(onnx, gathered(given.onnx), counted(given.arm64))},
        {"image": "`gpu`, computed", "layers": with_gpu(cpu, gathered(given.cpu), counted(given.gpu))},
    ]
    save("image", {"seed": SEED, "images": images})


if __name__ == "__main__":
    main()
