"""A folder that ``write_job`` made, read back: what people are to do, on what, and where it must lie in S3.

``job.json`` says what the job is. Of a folder without it, that can be seen from the other files: a page is there for
boxes only; the categories name the labels that are looked at, and say whether they may be changed; the manifest says
where everything will lie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from trackforge.errors import DataError, MissingFileError
from trackforge.intake.documents import load_json, parse_json
from trackforge.intake.names import inside, name_problem

__all__ = ["LabelFolder", "addressed", "read_folder"]

Kind = Literal["adjustment", "verification", "new"]
Task = Literal["video-tracking", "video-detection", "boxes"]
TEMPLATE, CATEGORIES, SAID = "template.liquid.html", "categories.json", "job.json"


@dataclass(frozen=True)
class LabelFolder:
    """What was found.

    Attributes:
        path: The folder.
        kind: What people do.
        task: What is labelled.
        manifests: A job each.
        categories: The category configuration.
        template: The page for boxes; None for video.
        prefix: Where the folder must lie; empty where it was written for no place.
        audited: Name of the labels that are looked at; empty for a new job.
        attribute: Name of the labels that people make, where nobody says another.
    """

    path: Path
    kind: Kind
    task: Task
    manifests: tuple[Path, ...]
    categories: Path
    template: Path | None
    prefix: str
    audited: str
    attribute: str


def read_folder(path: Path, *, kind: str = "", task: str = "") -> LabelFolder:
    """Read a folder.

    Args:
        path: The folder.
        kind: In place of what it says.
        task: In place of what it says.

    Raises:
        MissingFileError: It has no manifest or categories.
        DataError: A file is not what it must be.
    """
    manifests = tuple(sorted(path.glob("input*.manifest")))
    categories, template = path / CATEGORIES, path / TEMPLATE
    if not manifests or not categories.is_file():
        raise MissingFileError(
            f"A labelling job's folder must have input.manifest and {CATEGORIES}; {path} has not. 'trackforge label' "
            "writes such folders."
        )
    said = _said(path / SAID) or _seen(manifests[0], categories, template)
    task = task or said["task"]
    return LabelFolder(
        path=path,
        kind=cast("Kind", kind or said["kind"]),
        task=cast("Task", task),
        manifests=manifests,
        categories=categories,
        template=template if template.is_file() else None,
        prefix=said["prefix"],
        audited=said["audited"],
        attribute=said["attribute"] or ("checked" if task == "boxes" else "checked-ref"),
    )


def addressed(folder: LabelFolder, place: str, scratch: Path) -> Mapping[str, Path]:
    """Return the files of a folder that was written for no place, with addresses in a place; by name in the folder.

    Args:
        folder: Whose manifests and sequence files name places by their path in it.
        place: Where it will lie, ``s3://bucket/folder/``.
        scratch: Where the new files go.

    Raises:
        DataError: A file is not what it must be.
    """
    made: dict[str, str] = {}
    for manifest in folder.manifests:
        lines = []
        for number, text in enumerate(manifest.read_text(encoding="utf-8").splitlines(), 1):
            if not text.strip():
                continue
            line = parse_json(text, path=manifest, line=number)
            for name in ("source-ref", folder.audited):
                if isinstance(line.get(name), str):
                    line[name] = place + line[name]
            lines.append(json.dumps(line, ensure_ascii=False))
            described = inside(folder.path, line["source-ref"].removeprefix(place), "A sequence", path=manifest)
            if folder.task != "boxes" and described.is_file():
                sequence = load_json(described)
                sequence["prefix"] = place + str(sequence.get("prefix", ""))
                made[described.relative_to(folder.path).as_posix()] = json.dumps(sequence, ensure_ascii=False, indent=1)
        made[manifest.name] = "\n".join(lines) + "\n"
    for name, text in made.items():
        target = scratch / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return {name: scratch / name for name in made}


def _said(file: Path) -> dict[str, str]:
    """Return what ``job.json`` says; nothing where there is none.

    Raises:
        DataError: It is not what `trackforge.data.dialects.ground_truth_job.write_job` writes.
    """
    if not file.is_file():
        return {}
    found = load_json(file)
    names = ("kind", "task", "attribute", "audited", "prefix")
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in names):
        raise DataError(f"{file.name} must have the texts {', '.join(names)}; it has not.", path=file)
    for name, known in (("kind", get_args(Kind)), ("task", get_args(Task))):
        if found[name] not in known:
            raise DataError(f"{name} must be one of {', '.join(known)}; got {found[name]!r:.60}.", path=file)
    return {name: found[name] for name in names}


def _seen(manifest: Path, categories: Path, template: Path) -> dict[str, str]:
    """Return the same, seen from the other files; a verification of video without attributes looks an adjustment."""
    line, said = _first(manifest), load_json(categories)
    audited = _audited(line, said)
    boxes = template.is_file()
    kind = "new" if not audited else "verification" if _verified(said) else "adjustment"
    if boxes and kind != "new" and "crowd-bounding-box" not in template.read_text(encoding="utf-8"):
        kind = "verification"
    task = "boxes" if boxes else _video_task(line, audited)
    return {"kind": kind, "task": task, "attribute": "", "audited": audited, "prefix": _prefix(line, manifest)}


def _first(manifest: Path) -> dict[str, Any]:
    with manifest.open(encoding="utf-8") as opened:
        text = next((line for line in opened if line.strip()), "")
    found = parse_json(text, path=manifest, line=1) if text else None
    if not isinstance(found, dict) or not isinstance(found.get("source-ref"), str):
        raise DataError("A line must be an object with source-ref; the first is not.", path=manifest, line=1)
    return found


def _audited(line: dict[str, Any], categories: Any) -> str:
    named = categories.get("auditLabelAttributeName") if isinstance(categories, dict) else None
    if named:
        return str(named)
    return next((name.removesuffix("-metadata") for name in line if name.endswith("-metadata")), "")


def _video_task(line: dict[str, Any], audited: str) -> str:
    kind = (line.get(f"{audited}-metadata") or {}).get("type", "")
    return "video-detection" if kind.endswith("video-object-detection") else "video-tracking"


def _verified(categories: Any) -> bool:
    """Tell whether labels stay: their attributes say ``editsAllowed: none``, or a verdict is asked for."""
    said = categories if isinstance(categories, dict) else {}
    attributes = [*(said.get("frameAttributes") or ()), *(said.get("categoryGlobalAttributes") or ())]
    attributes += [one for label in said.get("labels") or () for one in label.get("attributes") or ()]
    return any(one.get("editsAllowed") == "none" or one.get("name") == "verdict" for one in attributes)


def _prefix(line: dict[str, Any], manifest: Path) -> str:
    """Return what stands before a file of the folder in its address: the longest ending that is such a file decides.

    Raises:
        DataError: The address is of no file of the folder.
    """
    address = line["source-ref"]
    parts = address.split("/")
    for begin in range(len(parts)):
        ending = "/".join(parts[begin:])
        if not name_problem(ending) and (manifest.parent / ending).is_file():
            return str(address.removesuffix(ending))
    raise DataError(f"source-ref must be the address of a file of this folder; got {address!r}.", path=manifest, line=1)
