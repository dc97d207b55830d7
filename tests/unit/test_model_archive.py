"""MXNet models in archives and folders: found, read safely, written the same each time."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from trackforge.errors import DataError, InvalidInputError, MissingFileError
from trackforge.intake.limits import limited
from trackforge.io.model_archive import is_artefact, read_artefact, write_artefact
from trackforge.io.mxnet_params import write_params

PARAMS = {"arg:w": np.arange(4, dtype="<f4"), "aux:m": np.ones((2, 2), "<f4")}
GRAPH = json.dumps({"nodes": [{"op": "null", "name": "data", "inputs": []}]})


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "model.tar.gz"
    write_artefact(path, GRAPH, PARAMS, {"num_classes": "2"}, texts={"classes.txt": "cat\ndog\n"})
    return path


def packed(path: Path, *members: tuple[tarfile.TarInfo | str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for given, content in members:
            member = tarfile.TarInfo(given) if isinstance(given, str) else given
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def files(prefix: str = "m", *epochs: int) -> list[tuple[str, bytes]]:
    numbers = [(f"{prefix}-{epoch:04d}.params", write_params(None, {"arg:w": np.full(1, epoch)})) for epoch in epochs]
    return [(f"{prefix}-symbol.json", GRAPH.encode()), *numbers]


@pytest.mark.parametrize("name", ["vgg16_300_tiny", "resnet50_300_tiny"])
def test_archives_of_the_builtin_algorithm(golden_dir, name, tmp_path):
    folder = golden_dir / "mxnet" / name
    read = read_artefact(folder / "model.tar.gz")
    assert read.symbol == (folder / "model_algo_1-symbol.json").read_text()
    assert (read.epoch, read.params_name) == (0, "model_algo_1-0000.params")
    assert read.hyperparameters == json.loads((folder / "hyperparams.json").read_text())
    write_artefact(tmp_path / "a.tar.gz", read.symbol, read.params, read.hyperparameters)
    with tarfile.open(tmp_path / "a.tar.gz") as ours, tarfile.open(folder / "model.tar.gz") as theirs:
        for member in ("hyperparams.json", "model_algo_1-symbol.json", "model_algo_1-0000.params"):
            assert ours.extractfile(member).read() == theirs.extractfile(member).read()
        assert ours.getnames() == theirs.getnames()
    for other in (folder, folder / "model_algo_1-symbol.json", folder / "model_algo_1-0000.params"):
        assert is_artefact(other)
        again = read_artefact(other)
        assert (again.symbol, again.hyperparameters) == (read.symbol, read.hyperparameters)
        assert all((again.params[key] == value).all() for key, value in read.params.items())


def test_writing_is_the_same_each_time(archive, tmp_path):
    write_artefact(tmp_path / "b.tar.gz", GRAPH, PARAMS, {"num_classes": "2"}, texts={"classes.txt": "cat\ndog\n"})
    sums = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (archive, tmp_path / "b.tar.gz")]
    assert sums[0] == sums[1]
    read = read_artefact(archive)
    assert (read.symbol, read.hyperparameters, read.texts) == (
        GRAPH,
        {"num_classes": "2"},
        {"classes.txt": "cat\ndog\n"},
    )
    with pytest.raises(InvalidInputError, match="'num_classes' is none"):
        write_artefact(tmp_path / "c.tar.gz", GRAPH, PARAMS, {"num_classes": 2})  # type: ignore[dict-item]
    with pytest.raises(InvalidInputError, match="its own name"):
        write_artefact(tmp_path / "c.tar.gz", GRAPH, PARAMS, {}, texts={"../x.txt": ""})
    assert not (tmp_path / "c.tar.gz").exists()


def test_epochs_and_prefixes(tmp_path):
    path = packed(tmp_path / "a.tar.gz", *files("m", 3, 20, 1), ("./._m-symbol.json", b"\0"), ("notes.md", b"x"))
    assert (read_artefact(path).epoch, read_artefact(path).params["arg:w"]) == (20, 20)
    assert read_artefact(path, epoch=3).params["arg:w"] == 3
    with pytest.raises(DataError, match="numbers of epoch 2; the epochs are: 1, 3, 20"):
        read_artefact(path, epoch=2)
    two = packed(tmp_path / "b.tar.gz", *files("./deep/m", 1), *files("./deep/n", 2))
    with pytest.raises(DataError, match=r"one graph; it holds 'deep/m-symbol.json', 'deep/n-symbol.json'"):
        read_artefact(two)
    assert read_artefact(two, prefix="n").epoch == 2
    with pytest.raises(DataError, match=r"must hold its graph, o-symbol\.json; it holds"):
        read_artefact(two, prefix="o")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files("m", 3, 20):
        (folder / name).write_bytes(content)
    assert read_artefact(folder / "m-symbol.json").epoch == 20
    assert read_artefact(folder / "m-0003.params").epoch == 3
    shutil.move(folder / "m-0020.params", folder / "m.params")
    (folder / "m-0003.params").unlink()
    assert read_artefact(folder).epoch is None
    (folder / "m.params").unlink()
    with pytest.raises(DataError, match=r"must hold its numbers, m-0000\.params; it holds 'm-symbol\.json'"):
        read_artefact(folder)
    with pytest.raises(MissingFileError):
        read_artefact(tmp_path / "absent.tar.gz")


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("m-symbol.json")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../../m-symbol.json", b"{}")], r"leads out of its folder"),
        ([("/etc/m-symbol.json", b"{}")], "is absolute"),
        ([(link(tarfile.SYMTYPE), b"")], "'m-symbol.json' is a link, a device"),
        ([(link(tarfile.LNKTYPE), b"")], "is a link, a device"),
        ([(link(tarfile.CHRTYPE), b"")], "is a link, a device"),
        ([(link(tarfile.FIFOTYPE), b"")], "is a link, a device"),
        ([("m-symbol.json", b"{}"), ("./m-symbol.json", b"{}")], "'m-symbol.json' stands twice"),
        ([*files("m", 0)[:1], ("m-0000.params", b"\x12\x01")], r"In 'm-0000.params': A file of MXNet parameters"),
        ([*files("m", 0), ("hyperparams.json", b"[1]")], "'hyperparams.json' must be an object; it is list"),
        ([("m-symbol.json", b"\xff"), *files("m", 0)[1:]], "'m-symbol.json' must be text in UTF-8"),
        ([("a.txt", b"")], r"must hold its graph, \*-symbol.json; it holds 'a.txt'"),
    ],
)
def test_hostile_archives(tmp_path, members, message):
    path = packed(tmp_path / "m.tar.gz", *members)
    with pytest.raises(DataError, match=message) as caught:
        read_artefact(path)
    assert caught.value.path == path


def test_damaged_archives(archive, tmp_path):
    good = archive.read_bytes()
    path = tmp_path / "damaged.tar.gz"
    for damaged in (good[:-9], good[: len(good) // 2], good[:20], good[:-6] + b"\1\2" + good[-4:], b"", b"nothing"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"damaged\.tar\.gz: An"):
            read_artefact(path)
    plain = gzip.decompress(good)
    path.write_bytes(plain)
    assert read_artefact(path).symbol == GRAPH  # one that is not compressed
    path.write_bytes(plain[:1200])
    with pytest.raises(DataError, match=r"cut short|must hold its"):
        read_artefact(path)


def test_bombs(tmp_path):
    path = packed(tmp_path / "a.tar.gz", *files("m", 0), ("zeros.bin", bytes(70 * 2**20)))
    with pytest.raises(DataError, match="must unpack to at most 67,108,864 bytes; it goes on"):
        read_artefact(path)
    with limited(inflation=10_000):
        assert read_artefact(path).epoch == 0
    header = tarfile.TarInfo("x" * 200)
    header.size = 0
    long = packed(tmp_path / "b.tar.gz", (header, b""))
    plain = bytearray(gzip.decompress(long.read_bytes()))
    plain[124:136] = b"77777777777\0"  # the long name announces 8 GB
    plain[148:156] = b"%06o\0 " % (sum(plain[:148]) + 8 * 32 + sum(plain[156:512]))
    long.write_bytes(bytes(plain))
    with pytest.raises(DataError, match=r"a header of 8,589,934,\d+ bytes"):
        read_artefact(long)
