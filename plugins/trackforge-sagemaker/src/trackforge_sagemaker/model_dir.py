"""What lies in ``/opt/ml/model``: training leaves it, and serving and processing find it.

::

    model.pth                 one file: weights, detector, preprocessing, classes; or model.onnx
    trackforge.toml           [detector], [tracker], [serve], [hosting]: what to serve it with; what may stand there
                              is told by `trackforge_sagemaker.model_settings`
    code/inference.py         for AWS's own serving images: the functions of trackforge_sagemaker.toolkit
    code/requirements.txt

What others leave is found as well: one file of weights of any family, with or without a description (FairMOT's and
ByteTrack's own checkpoints among them), in a folder of its own too; the artefact of SageMaker's built-in Object
Detection; and all of this as ``model.tar.gz``. What a checkpoint is of is told by the names of its tensors, read from
its pickle as the list of instructions that it is, of which none is carried out.
"""

from __future__ import annotations

import contextlib
import pickletools
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import trackforge
from trackforge.errors import DataError, MissingFileError, WeightsError
from trackforge.intake.folders import is_companion
from trackforge.intake.names import inside
from trackforge.intake.reading import reading
from trackforge.io.atomic import atomic_path
from trackforge.io.tar_reading import Tar, is_tar
from trackforge.registry.bundles import component_of
from trackforge.runs.values import toml
from trackforge_sagemaker.model_settings import is_file_name, settled

__all__ = ["SETTINGS", "find", "unpack", "write"]

SETTINGS = "trackforge.toml"
ARCHIVES = (".tar.gz", ".tgz")
WEIGHTS = (".onnx", ".pth", ".pt", ".tar")
"""Endings of weights, the preferred first."""
SYMBOL = "-symbol.json"
NOT_LOOKED_INTO = ("code", "export", "logs")
"""Folders beside a model that hold none."""
FAMILIES: Mapping[str, str] = {
    "hm.2.weight": "fairmot",
    "head.cls_preds.0.weight": "yolox",
    "module.hm.2.weight": "fairmot",
    "module.head.cls_preds.0.weight": "yolox",
}
"""Detectors by a tensor that only weights of that family have."""
INFERENCE = '''"""What AWS's serving images call; all of it is trackforge's."""

from trackforge_sagemaker.toolkit import input_fn, model_fn, output_fn, predict_fn

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]
'''


def write(
    folder: Path,
    model: Path,
    *,
    detector: Mapping[str, Any] | None = None,
    tracker: Mapping[str, Any] | None = None,
    serve: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Lay out a trained model, each file whole or not there.

    Args:
        folder: ``/opt/ml/model``; other files that lie there stay.
        model: The trained file, ``.pth`` or ``.onnx``.
        detector: Settings of it.
        tracker: Name and settings of the tracker.
        serve: Settings of the server.

    Raises:
        SinkError: The folder cannot be written to, or is full.
    """
    place = folder / f"model{model.suffix}"
    with atomic_path(place) as partial:
        shutil.copyfile(model, partial)
    tables = {"detector": {"name": place.name, **(detector or {})}, "tracker": tracker or {}, "serve": serve or {}}
    texts = {
        SETTINGS: f"# Written by trackforge-sagemaker {trackforge.__version__}; what to serve the model with.\n"
        + toml({name: table for name, table in tables.items() if table}),
        "code/inference.py": INFERENCE,
        "code/requirements.txt": f"trackforge-sagemaker=={trackforge.__version__}\n",
    }
    for name, text in texts.items():
        with atomic_path(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return [place, *(folder / name for name in texts)]


def find(path: str | Path) -> dict[str, Any]:
    """Return what a folder, or a file, has to be served with: keys of `trackforge.serving.ServingRun`.

    ``detector`` is a table whose ``name`` is the path of the weights, or the name of the detector with ``weights``
    beside it; ``tracker`` is there where the folder says so, and ``hosting`` is a table for who answers requests.

    Raises:
        MissingFileError: There is no such place, or no model in it.
        WeightsError: There are several models, or nothing tells what the weights are of.
        ConfigError: ``trackforge.toml`` cannot be read, or says what a model has no say in.
        UnknownComponentError: It names a component that there is not.
        DataError: It leads out of the folder; an archive is damaged, or breaks a rule; see `unpack`.
    """
    path = Path(path)
    if path.is_file():
        return _of_archive(path) if _is_archive(path) else {"detector": _detector(path)}
    if not path.is_dir():
        raise MissingFileError(f"A model must be a folder or a file; there is no {path}. Check the path.")
    if not (path / SETTINGS).is_file() and (packed := _only_archive(path)) is not None:
        return _of_archive(packed)
    return _of_folder(path)


def _of_archive(archive: Path) -> dict[str, Any]:
    """Return what an archive holds; one in it is not unpacked, since some hold themselves."""
    folder = unpack(archive)
    return {"detector": _detector(archive)} if folder == archive else _of_folder(folder)


def _of_folder(folder: Path) -> dict[str, Any]:
    file = folder / SETTINGS
    found = settled(file) if file.is_file() else {}
    table = dict(found.pop("detector", {}))
    found = {**found.pop("serve", {}), **found}
    named, weights = table.pop("name", ""), table.pop("weights", "")
    in_file = weights or (named if is_file_name(named) else "")
    model = inside(folder, in_file, "The model", path=file) if in_file else None
    if model is not None and not model.is_file():
        raise MissingFileError(f"The model that {file} names must exist; there is no {model}. Pack it anew.")
    if model is not None or not named:
        known = _detector(model or _only_model(folder))
        if named and named != in_file:
            known = {"name": named, "weights": str(known.get("weights", known["name"]))}
        table = {**known, **table}
    else:
        table = {"name": named, **table}  # a detector without weights: motion
    return {**found, "detector": table}


def unpack(archive: Path, into: Path | None = None) -> Path:
    """Unpack ``model.tar.gz`` and return the folder: nothing leads out of it, and limits hold.

    Args:
        archive: The archive; the artefact of the built-in algorithm is read where it lies, and returned as it is.
        into: A folder that is not there yet; without one, a temporary one, which stays.

    Raises:
        DataError: The archive is damaged, or breaks a rule.
        MissingFileError, SourceError: It is not there, or cannot be read.
    """
    with reading(archive, "A model archive"):
        if not is_tar(archive):
            raise DataError("A model archive must be a tar file, gzipped or not; this is none.", path=archive)
        with Tar(archive) as tar:
            if any(name.endswith(SYMBOL) for name in tar.sizes()):
                return archive
            folder = Path(tempfile.mkdtemp(prefix="trackforge-model-")) if into is None else into
            folder.mkdir(parents=True, exist_ok=True)
            tar.unpack(folder)
    return folder


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith((*ARCHIVES, ".tar")) and is_tar(path)


def _detector(model: Path) -> dict[str, Any]:
    if model.suffix.lower() not in WEIGHTS or component_of(model) is not None or model.suffix.lower() == ".onnx":
        return {"name": str(model)}
    families = set(_families(model))
    if len(families) != 1:
        raise WeightsError(
            f"{model} must say which detector it is of, or be of FairMOT or YOLOX; it is not. Say so in {SETTINGS} "
            'beside it: [detector] and name = "...", weights = "...".'
        )
    return {"name": families.pop(), "weights": str(model)}


def _families(model: Path) -> Iterator[str]:
    """Yield the families whose tensors a checkpoint names."""
    with contextlib.suppress(ValueError, KeyError, zipfile.BadZipFile, EOFError), model.open("rb") as file:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                inner = next(name for name in [*archive.namelist(), ""] if name.endswith("data.pkl") or not name)
                with archive.open(inner) as pickle:
                    yield from _named(pickletools.genops(pickle))
            return
        file.seek(0)
        for _ in range(5):  # before torch 1.6: a number, a version, the system, the content, the names of storages
            yield from _named(pickletools.genops(file))


def _named(instructions: Iterable[Any]) -> Iterator[str]:
    for _, value, _ in instructions:
        if isinstance(value, str) and value in FAMILIES:
            yield FAMILIES[value]


def _only_archive(folder: Path) -> Path | None:
    """Return the archive of a folder that holds nothing else, as processing jobs get it."""
    files = [file for file in sorted(folder.iterdir()) if not is_companion(file, folder)]
    return files[0] if len(files) == 1 and files[0].is_file() and _is_archive(files[0]) else None


def _only_model(folder: Path) -> Path:
    """Return the one model of a folder; of several files of one model the preferred one."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not is_companion(file, folder)]
    files = [file for file in files if not set(file.relative_to(folder).parts[:-1]) & set(NOT_LOOKED_INTO)]
    symbols = [file for file in files if file.name.endswith(SYMBOL)]
    for ending in WEIGHTS if not symbols else ():
        found = [file for file in files if file.name.lower().endswith(ending)]
        named = [file for file in found if file.stem.split(".")[0] in ("model", "model_best", "best_ckpt")]
        if len(found) > 1 and len(named) == 1:
            return named[0]
        if len(found) > 1:
            raise WeightsError(
                f"There must be one model in {folder}; there are {', '.join(file.name for file in found[:5])}. Name it "
                f'in {SETTINGS} beside them: [detector] and name = "{found[0].name}".'
            )
        if found:
            return found[0]
    if len(symbols) == 1:
        return symbols[0]
    raise MissingFileError(
        f"There must be a model in {folder}: model.onnx, model.pth or the built-in algorithm's files; there is none."
    )
