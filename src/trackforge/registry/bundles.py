"""Which component a file of weights belongs to: read from what the file says about itself, without opening the weights.

Files that trackforge writes carry a description, one JSON object under the key ``trackforge``: ``.onnx`` files among
their metadata, checkpoints beside their tensors. Its ``component`` names a kind and a registered name, never a module.
Reading it takes milliseconds and neither torch nor ONNX Runtime: an ONNX file is walked over from entry to entry, and
of a checkpoint the pickle is read as the list of instructions that it is, of which none is carried out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from trackforge.errors import TrackforgeError, WeightsError
from trackforge.intake.documents import parse_json
from trackforge.registry.plugins import registry
from trackforge.registry.spec import ComponentSpec

__all__ = ["FIRST_FORMAT", "KEY", "MODEL_SUFFIXES", "component_for", "component_of", "description"]

KEY = "trackforge"
"""Where in a file its description stands."""
ARTEFACTS = (".tar.gz", ".tgz", "-symbol.json", ".params")
"""Endings of what MXNet's models lie in (`trackforge.io.model_archive`)."""
MODEL_SUFFIXES = (".onnx", ".pth", ".pt", ".tar", *ARTEFACTS)
"""Endings that make a text the path of weights, whether the file is there or not."""
FIRST_FORMAT = ("detector", "yolox")
"""The only component whose files were of format 1, which named none."""
FOREIGN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    ".onnx": {"detector": ("onnx",)},
    **{ending: {"detector": ("mxnet", "ssd"), "exporter": ("ssd",), "trainer": ("ssd",)} for ending in ARTEFACTS},
}
"""By ending and kind, the components that find out by themselves what somebody else's file is; the first is taken whose
plugin is installed."""
REPLAYED = frozenset({".txt", ".json", ".csv"})
"""Endings of what is no model, but may hold what one has found."""
LARGEST = 1 << 26
"""Bytes of a description, or of a checkpoint without its tensors, beyond which a file is not looked into."""
MOST_FIELDS = 1 << 16
"""Fields of an ONNX model, each of which may be gigabytes, after which no description is looked for."""
LONGEST_NUMBER = 10
"""Bytes of a protobuf varint."""
METADATA_PROPS, ENTRY_KEY, ENTRY_VALUE = 14, 1, 2
"""Field numbers of ONNX's ModelProto and StringStringEntryProto."""
VARINT, FIXED64, BLOCK, FIXED32 = 0, 1, 2, 5
"""Wire types of protobuf."""


def component_for(kind: str, text: str | Path) -> tuple[ComponentSpec, dict[str, Any]]:
    """Return the component that a name or a file of weights stands for, and the settings that follow from it.

    Args:
        kind: What is wanted, e.g. ``"detector"``. An exporter or trainer is found by the file's detector, since it
            bears the same name.
        text: A registered name, or the path of a ``.onnx`` file or checkpoint; this arrives as the setting ``weights``.
            A file of the name of a component is meant by ``./name``, by a Path, or where it ends as models do.

    Raises:
        UnknownComponentError: No plugin offers that name, or the component that the file names.
        WeightsError: There is no such file, it does not say what it belongs to, or it is of another kind.
    """
    known = [spec.name for spec, _ in registry().specs(kind)]
    path = Path(text)
    is_file = False
    with contextlib.suppress(OSError, RuntimeError):  # a name too long for a file, a home that nobody has
        path = path.expanduser()
        is_file = path.is_file()
    is_model = path.name.lower().endswith(MODEL_SUFFIXES)
    # what a name means must not depend on what lies in the folder
    is_name = isinstance(text, str) and text.casefold() in map(str.casefold, known)
    if (is_name and not (is_model and is_file)) or not (is_model or is_file):
        return registry().find(kind, str(text)), {}
    if not is_file:
        raise WeightsError(f"A {kind} is found by its name or by its weights; there is no file {path}.")
    found = component_of(path)
    if found is None:
        offers = [names.get(kind, ()) for ending, names in FOREIGN.items() if path.name.lower().endswith(ending)]
        found = next(((kind, name) for names in offers for name in names if name in known), None)
    if found is None:
        readers = [spec.name for spec, _ in registry().specs(kind) if set(spec.suffixes) & set(MODEL_SUFFIXES)]
        if kind == "detector" and path.suffix.lower() in REPLAYED:
            raise WeightsError(
                f"{path} looks like detections, which the detector 'file' replays: --detector file --set "
                f"detector.path={path}, or trackforge.detector('file', path={str(path)!r})."
            )
        if not readers:
            raise WeightsError(
                f"No {kind} that is installed reads {path}. 'trackforge plugins' shows what else there is, and how to "
                "get it."
            )
        raise WeightsError(
            f"{path} must say which {kind} it belongs to, as files written by trackforge do; it does not. Give the "
            f"{kind} by name ({', '.join(readers)}) and the file as its setting weights."
        )
    owner, name = found
    if kind not in (owner, "exporter", "trainer"):
        raise WeightsError(f"{path} must be of a {kind}; it is of the {owner} {name!r}. Take another file.")
    try:
        return registry().find(kind, name), {"weights": str(path)}
    except TrackforgeError as error:
        raise type(error)(f"{path} belongs to the {owner} {name!r}. {error}") from None


def component_of(path: str | Path) -> tuple[str, str] | None:
    """Return kind and name of the component that a file of weights belongs to, or None where it does not say.

    Raises:
        WeightsError: It has a description that cannot be read.
    """
    text = description(path)
    if text is None:
        return None
    try:
        values = parse_json(text, "A description")
        named = dict(zip(("kind", "name"), FIRST_FORMAT, strict=True))
        if values["format"] != 1:
            named = values["component"]
        kind, name = named["kind"], named["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} must describe itself readably; it does not ({error!r}). Export it anew.") from error
    if not (isinstance(kind, str) and isinstance(name, str)):
        raise WeightsError(f"{path} must name its component in words; it names {str(named)[:60]}. Export it anew.")
    return kind, name


def description(path: str | Path) -> str | None:
    """Return the JSON text in which a file of weights describes itself, or None where it has none.

    Raises:
        WeightsError: The file cannot be read.
    """
    import zipfile

    path = Path(path)
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                return _of_checkpoint(file)
            return _of_onnx(file) if path.suffix.lower() == ".onnx" else None
    except Exception as error:  # a damaged archive makes zipfile raise almost anything
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{path} must be a readable file of weights; {reason}. Get it anew.") from error


def _of_checkpoint(file: IO[bytes]) -> str | None:
    """Find, in the instructions of the pickle, the key and the string pushed right after it."""
    import pickletools
    import zipfile

    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.infolist() if m.filename.rpartition("/")[2] == "data.pkl"]
        if not members or members[0].file_size > LARGEST:
            return None
        content = archive.read(members[0])
    if KEY.encode() not in content:  # quick: foreign checkpoints are not looked into
        return None
    is_next = False
    try:
        for instruction, value, _ in pickletools.genops(content):
            if isinstance(value, str) and "UNICODE" in instruction.name:
                if is_next:
                    return value
                is_next = value == KEY
            elif "PUT" not in instruction.name and instruction.name != "MEMOIZE":
                is_next = False
    except ValueError:  # no pickle after all
        return None
    return None


def _of_onnx(file: IO[bytes]) -> str | None:
    """Walk over the fields of the model, most of all the graph, without reading them."""
    end = file.seek(0, 2)
    file.seek(0)
    try:
        for number, length in _fields(file, end):
            after = file.tell() + length
            if number == METADATA_PROPS:
                entry = dict(_entry(file, after))
                if entry.get(ENTRY_KEY) == KEY.encode():
                    return entry.get(ENTRY_VALUE, b"").decode()
            file.seek(after)
    except (EOFError, UnicodeDecodeError):  # no protobuf, or one cut off: whoever opens the model will say so
        return None
    return None


def _entry(file: IO[bytes], end: int) -> Iterator[tuple[int, bytes]]:
    for number, length in _fields(file, end):
        if length > LARGEST:
            raise EOFError
        yield number, file.read(length)


def _fields(file: IO[bytes], end: int) -> Iterator[tuple[int, int]]:
    """Yield number and length of each field that has a length; the others are passed over."""
    for _ in range(MOST_FIELDS):
        if file.tell() >= end:
            return
        tag = _varint(file)
        number, wire = tag >> 3, tag & 7
        if not number:
            raise EOFError
        if wire == VARINT:
            _varint(file)
        elif wire in (FIXED64, FIXED32):
            file.seek(8 if wire == FIXED64 else 4, 1)
        elif wire == BLOCK:
            length = _varint(file)
            if length > end - file.tell():
                raise EOFError
            yield number, length
        else:
            raise EOFError


def _varint(file: IO[bytes]) -> int:
    value = 0
    for place in range(LONGEST_NUMBER):
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    raise EOFError
