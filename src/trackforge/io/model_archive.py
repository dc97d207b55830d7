"""A trained MXNet model as people keep it: a graph (``*-symbol.json``), its numbers (``*-0000.params``) and settings.

SageMaker's algorithms pack the three into ``model.tar.gz``; ``HybridBlock.export`` and ``Module.save_checkpoint`` leave
them in a folder. Both are read here, and the archive is written.

An archive is read where it lies, and nothing of it is unpacked onto the disk. Links and devices in it, names that
lead out, and contents beyond the limits (`trackforge.intake.limits`: ``inflation``, ``bytes``) are refused.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy.typing as npt

from trackforge.errors import DataError, InvalidInputError, MissingFileError
from trackforge.intake.documents import parse_json
from trackforge.intake.folders import is_companion
from trackforge.intake.reading import reading
from trackforge.io.atomic import atomic_path
from trackforge.io.mxnet_params import SparseArray, read_params, write_params
from trackforge.io.tar_reading import Tar, is_tar

__all__ = ["Artefact", "is_artefact", "read_artefact", "write_artefact"]

SYMBOL = "-symbol.json"
HYPERPARAMETERS = "hyperparams.json"
PREFIX = "model_algo_1"
"""What SageMaker's built-in algorithms call their model."""
LARGEST_GRAPH = 64 * 2**20
"""Bytes of a graph; the largest known have one or two million."""
LARGEST_TEXT = 2**20
"""Bytes of any other text in an artefact, and of all that are kept."""
TEXTS = (".json", ".txt", ".csv", ".lst", ".names")
_PARAMS = re.compile(r"(?P<prefix>.*)-(?P<epoch>[0-9]{4,9})\.params")


@dataclass(frozen=True, eq=False)
class Artefact:
    """A trained model, read.

    Attributes:
        symbol: The graph, JSON text.
        params: Arrays by name, ``arg:`` and ``aux:`` kept.
        hyperparameters: What it was trained with, in words; empty where that was not kept.
        symbol_name: The graph's file.
        params_name: The numbers' file.
        epoch: The number in the latter's name; None where it has none.
        texts: Other small texts that lie with it (class names, say), by file name.
    """

    symbol: str
    params: dict[str, npt.NDArray[Any] | SparseArray]
    hyperparameters: dict[str, str] = field(default_factory=dict)
    symbol_name: str = f"{PREFIX}{SYMBOL}"
    params_name: str = f"{PREFIX}-0000.params"
    epoch: int | None = 0
    texts: dict[str, str] = field(default_factory=dict)


def is_artefact(path: str | Path) -> bool:
    """Tell, by names alone, whether a path may be an artefact: an archive, a folder, the graph or the numbers of one.

    >>> is_artefact("model_algo_1-symbol.json"), is_artefact("model-0012.params"), is_artefact("tracks.json")
    (True, True, False)
    """
    path = Path(path)
    name = path.name.lower()
    if name.endswith((".tar.gz", ".tgz", SYMBOL, ".params")):
        return True
    with contextlib.suppress(OSError):
        return path.is_dir() and any(entry.name.endswith(SYMBOL) for entry in path.iterdir())
    return False


def read_artefact(path: str | Path, *, epoch: int | None = None, prefix: str | None = None) -> Artefact:
    """Read a trained model.

    Args:
        path: ``model.tar.gz`` or another tar archive, a folder, a ``*-symbol.json``, or a ``.params`` file beside one.
        epoch: Which of several ``*-NNNN.params``; unless given, the file that ``path`` names, or the last.
        prefix: What stands before ``-symbol.json``, where there are several graphs.

    Raises:
        DataError: It is damaged or hostile, has no graph or no numbers, or several to choose from; with the member.
        MissingFileError, SourceError: It is not there, or cannot be opened.
    """
    path = Path(path)
    with reading(path, "An MXNet artefact"):
        if not path.exists():
            raise MissingFileError(f"An MXNet artefact must exist; {path} is not there. Check the path.")
        if path.is_dir():
            return _read(_Folder(path), path, epoch, prefix, "")
        if path.name.endswith(SYMBOL):
            return _read(_Folder(path.parent), path.parent, epoch, prefix or path.name.removesuffix(SYMBOL), "")
        if path.suffix == ".params":
            named = _PARAMS.fullmatch(path.name)
            stem = named["prefix"] if named else path.stem
            return _read(
                _Folder(path.parent), path.parent, epoch, prefix or stem, "" if epoch is not None else path.name
            )
        if not is_tar(path):
            raise DataError(
                "An MXNet artefact must be a tar archive, a folder, a *-symbol.json or a *.params file; this is none.",
                path=path,
            )
        with Tar(path) as tar:
            return _read(tar, path, epoch, prefix, "")


class _Folder:
    """Files of a folder, as `Tar` gives those of an archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file by name."""
        return {entry.name: entry.stat().st_size for entry in sorted(self._folder.iterdir()) if entry.is_file()}

    def contents(self, names: list[str]) -> dict[str, bytes]:
        """Return the content of files by name."""
        return {name: (self._folder / name).read_bytes() for name in names}


def _read(files: _Folder | Tar, path: Path, epoch: int | None, prefix: str | None, params: str) -> Artefact:
    sizes = {name: size for name, size in files.sizes().items() if not is_companion(name)}
    symbol = _symbol(sizes, path, prefix)
    stem = symbol.removesuffix(SYMBOL)
    params = params or _params(sizes, path, stem, epoch)
    place = PurePosixPath(symbol).parent
    beside = [name for name in sizes if PurePosixPath(name).parent == place and name not in (symbol, params)]
    texts, room = [], LARGEST_TEXT
    for name in beside:
        if name.lower().endswith(TEXTS) and not name.endswith(SYMBOL) and sizes[name] <= room:
            texts.append(name)
            room -= sizes[name]
    if sizes[symbol] > LARGEST_GRAPH:
        raise DataError(
            f"A graph must have at most {LARGEST_GRAPH:,} bytes; {symbol!r} has {sizes[symbol]:,}.", path=path
        )
    if isinstance(files, _Folder):
        contents = files.contents([symbol, *texts])
        arrays = read_params(path / params)
    else:
        contents = files.contents([symbol, params, *texts])
        try:
            arrays = read_params(contents.pop(params))
        except DataError as error:
            raise DataError(f"In {params!r}: {str(error).removeprefix('(bytes): ')}", path=path) from error
    decoded = {}
    for name, content in contents.items():
        own = PurePosixPath(name).name
        try:
            decoded[own] = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            if name == symbol or own == HYPERPARAMETERS:
                raise DataError(f"{name!r} must be text in UTF-8; it is not.", path=path) from None
    symbol, params = PurePosixPath(symbol).name, PurePosixPath(params).name
    numbered = _PARAMS.fullmatch(params)
    return Artefact(
        symbol=decoded.pop(symbol),
        params=arrays,
        hyperparameters=_hyperparameters(decoded.pop(HYPERPARAMETERS, "{}"), path),
        symbol_name=symbol,
        params_name=params,
        epoch=int(numbered["epoch"]) if numbered else None,
        texts=decoded,
    )


def _symbol(sizes: Mapping[str, int], path: Path, prefix: str | None) -> str:
    """Return the one graph."""
    found = [name for name in sizes if name.endswith(SYMBOL)]
    if prefix is not None:
        found = [name for name in found if PurePosixPath(name).name == f"{prefix}{SYMBOL}"]
    wanted = f"{prefix or '*'}{SYMBOL}"
    if not found:
        raise DataError(f"An MXNet artefact must hold its graph, {wanted}; {_listed(sizes)}.", path=path)
    if len(found) > 1:
        raise DataError(f"An artefact must hold one graph; {_listed(found)}. Name one by its prefix.", path=path)
    return found[0]


def _params(sizes: Mapping[str, int], path: Path, stem: str, epoch: int | None) -> str:
    """Return the numbers of a graph: those of an epoch, or of the last."""
    matched = [found for name in sizes if (found := _PARAMS.fullmatch(name)) and found["prefix"] == stem]
    numbered = {int(found["epoch"]): found.group() for found in matched}
    if epoch is not None:
        if epoch not in numbered:
            known = ", ".join(map(str, sorted(numbered))) or "none"
            raise DataError(f"There must be numbers of epoch {epoch}; the epochs are: {known}.", path=path)
        return numbered[epoch]
    if numbered:
        return numbered[max(numbered)]
    for name in (f"{stem}.params", f"{stem}.npz"):
        if name in sizes:
            return name
    raise DataError(f"An MXNet artefact must hold its numbers, {stem}-0000.params; {_listed(sizes)}.", path=path)


def _listed(names: Mapping[str, int] | list[str]) -> str:
    shown = ", ".join(ascii(name) for name in list(names)[:5])
    return f"it holds {shown}{', ...' if len(names) > 5 else ''}" if names else "it holds nothing"


def _hyperparameters(text: str, path: Path) -> dict[str, str]:
    values = parse_json(text, f"{HYPERPARAMETERS!r}", path=path)
    if not isinstance(values, dict):
        raise DataError(f"{HYPERPARAMETERS!r} must be an object; it is {type(values).__name__}.", path=path)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def write_artefact(
    path: str | Path,
    symbol: str,
    params: Mapping[str, npt.NDArray[Any] | SparseArray],
    hyperparameters: Mapping[str, str],
    *,
    prefix: str = PREFIX,
    epoch: int = 0,
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write ``model.tar.gz`` as SageMaker's algorithms do; the same model gives the same bytes.

    Args:
        path: Where to write.
        symbol: The graph, JSON text.
        params: Arrays by name, with ``arg:`` and ``aux:``.
        hyperparameters: All values in words.
        prefix: What the files begin with.
        epoch: The number in the name of the numbers' file.
        texts: Further texts by file name.

    Raises:
        InvalidInputError: A value or name cannot be written.
        SinkError: The place cannot be written to.
    """
    wrong = next((name for name, value in hyperparameters.items() if not isinstance(value, str)), None)
    if wrong is not None:
        raise InvalidInputError(f"Hyperparameters must be text, as SageMaker keeps them; {wrong!r} is none.")
    files = {
        HYPERPARAMETERS: json.dumps(dict(hyperparameters)).encode(),
        f"{prefix}{SYMBOL}": symbol.encode(),
        f"{prefix}-{epoch:04d}.params": write_params(None, params),
    }
    for name, text in (texts or {}).items():
        if name in files or "/" in name or not name.lower().endswith(TEXTS):
            raise InvalidInputError(f"A further text must have its own name ending in {' '.join(TEXTS)}; got {name!r}.")
        files[name] = text.encode()
    with (
        atomic_path(path) as partial,
        partial.open("wb") as out,
        gzip.GzipFile(filename="", mode="wb", fileobj=out, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
