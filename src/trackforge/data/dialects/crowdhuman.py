"""CrowdHuman's ``.odgt`` as a labelled data set: a JSON object a line, one a picture.

A person has a full box (``fbox``, which may reach out of the picture), a visible box (``vbox``) and a head
(``hbox``), each left, top, width, height. ``extra.ignore`` (of heads ``head_attr.ignore``) and the tag ``mask`` mark
ignore regions. The pictures are ``Images/<ID>.jpg``. Visibility is the visible box's share of the full one, as
CityPersons has it.

Source: Shao et al., "CrowdHuman: A Benchmark for Detecting Human in a Crowd", 2018; Zhang et al., "CityPersons", 2017.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from trackforge.data.building import Builder
from trackforge.data.dialects.frames import below, folders, relative, size_of
from trackforge.data.model import Dataset
from trackforge.data.problems import Findings
from trackforge.errors import ConfigError, DataError
from trackforge.intake.documents import finite_number, parse_json
from trackforge.intake.names import relative_name
from trackforge.intake.reading import reading

__all__ = ["read_crowdhuman", "sniff_crowdhuman"]

BOXES = {"full": "fbox", "visible": "vbox", "head": "hbox"}
PATTERNS = ("*.odgt", "annotations/*.odgt")


def sniff_crowdhuman(path: Path) -> bool:
    """Tell whether a path is an odgt file, or a folder with such."""
    return next(_files(path), None) is not None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield from [path] if path.suffix.lower() == ".odgt" else []
    else:
        yield from below(path, PATTERNS)


def read_crowdhuman(
    path: Path, *, findings: Findings, split: str | None = None, box: Literal["full", "visible", "head"] = "full"
) -> Dataset:
    """Read odgt files.

    Args:
        path: The file, or a folder with ``annotation_train.odgt`` and ``annotation_val.odgt``, which are its parts.
        findings: Where malformed lines are reported.
        split: Read this part only.
        box: Which of a person's boxes; a person without it is left out.
    """
    if box not in BOXES:
        raise ConfigError(f"box must be one of {', '.join(BOXES)}; got {box!r}.")
    with reading(path, "An odgt file"):
        root = path.parent if path.is_file() else path
        parts = {file: "" if path.is_file() else file.stem.removeprefix("annotation_") for file in _files(path)}
        chosen = [file for file, part in parts.items() if split in (None, part)]
        if not chosen:
            raise DataError(
                f"There is no split {split!r}; there are: {', '.join(parts.values()) or 'none'}.", path=path
            )
        build = Builder()
        above = [root.parent] if root.name == "annotations" else []
        bases = dict.fromkeys(base for place in (root, *above) for base in (place, *folders(place)))
        places = [place for base in bases for kind in ("Images", "images", "") if (place := base / kind).is_dir()]
        for file in chosen:
            with file.open(encoding="utf-8-sig") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        try:
                            row = _image(build, file, number, line, parts[file], places, root)
                            for problem in _add_boxes(build, *row, BOXES[box]):
                                findings.bad(problem, path=file, line=number)
                        except DataError as error:
                            findings.caught(error)
        return build.finish(("person",), root=root, name=path.stem)


def _image(
    build: Builder, file: Path, line: int, text: str, split: str, places: list[Path], root: Path
) -> tuple[int, list[Any]]:
    """Add the picture of a line; return its row and boxes."""
    entry = parse_json(text, "A line of an odgt file", path=file, line=line)
    if not isinstance(entry, dict) or not isinstance(entry.get("ID"), str):
        raise DataError("A line must be an object with a text 'ID'.", path=file, line=line)
    boxes = entry.get("gtboxes", [])
    if not isinstance(boxes, list):
        raise DataError("The 'gtboxes' of a line must be a list.", path=file, line=line)
    name = relative_name(f"{entry['ID']}.jpg", "The picture", path=file, line=line)
    picture = next((place / name for place in places if (place / name).is_file()), root / "Images" / name)
    size = size_of(picture) if picture.is_file() else (0, 0)
    return build.image(relative(picture, root), size, split=split), boxes


def _add_boxes(build: Builder, image: int, boxes: list[Any], key: str) -> Iterator[str]:
    """Add the boxes of a picture; yield what is wrong with them."""
    for one in boxes:
        try:
            _add_box(build, image, one, key)
        except (ValueError, TypeError) as error:
            yield f"A box {error}."


def _add_box(build: Builder, image: int, one: Any, key: str) -> None:
    if not isinstance(one, dict):
        raise TypeError("must be an object")
    mask = one.get("tag") == "mask"
    name = key if not mask or key in one else "fbox"
    if name not in one:
        return
    corners = _corners(one[name], name)
    stated = one.get("head_attr" if key == "hbox" else "extra")
    told: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
    extra = one.get("extra")
    number = extra.get("box_id") if isinstance(extra, dict) else None
    build.box(
        image,
        corners,
        0,
        visibility=_visibility(one) if key == "fbox" and not mask else 1.0,
        ignore=mask or told.get("ignore") in (1, True, "1"),
        extra={"box_id": number} if type(number) is int else {},
    )


def _corners(value: Any, name: str) -> tuple[float, float, float, float]:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError(f"must have four numbers in {name!r}")
    try:
        x, y, width, height = (finite_number(v) for v in value)
    except ValueError as error:
        raise ValueError(f"must have four numbers in {name!r}: each {error}") from None
    if width < 0 or height < 0:
        raise ValueError(f"must have a width and height >= 0 in {name!r}; got {width:g} and {height:g}")
    return x, y, x + width, y + height


def _visibility(one: Mapping[str, Any]) -> float:
    try:
        full, seen = (_corners(one.get(name), name) for name in ("fbox", "vbox"))
    except ValueError:
        return 1.0
    area, visible = ((c[2] - c[0]) * (c[3] - c[1]) for c in (full, seen))
    return min(visible / area, 1.0) if 0 < area < float("inf") else 1.0
