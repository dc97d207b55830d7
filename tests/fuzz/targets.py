"""What is fuzzed: a name, what it needs, good inputs, and who reads them."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.mutation import Damage

__all__ = ["Target", "targets"]

MOT = b"1,1,10,10,5.5,5,0.9,-1,-1,-1\n2,1,11,10,5,5,0.9,-1,-1,-1\n3,2,11,10,5,5,0.9,2,-1,-1\n"
TRUTH = b"1,1,10,10,5,5,1,1,0.5\n2,1,10,10,5,5,0,7,1\n3,2,10,10,5,5,1,1,1\n"
INI = b"[Sequence]\nname=s\nimDir=img1\nframeRate=25\nseqLength=5\nimWidth=80\nimHeight=60\nimExt=.jpg\n"
TOML = (
    b'sources = ["a"]\nframes = 3\n[detector]\nname = "motion"\n[tracker]\nname = "byte"\nhigh_score = 0.5\n'
    b'max_lost = 30\n[[sink]]\npath = "o.txt"\ndecimals = 2\n'
)
COCO = json.dumps(
    {
        "videos": [{"id": 1, "name": "v"}],
        "images": [
            {"id": 1, "video_id": 1, "frame_id": 1, "file_name": "a.png", "width": 20, "height": 20},
            {"id": 2, "video_id": 1, "frame_id": 2, "file_name": "b.png", "width": 20, "height": 20, "split": "train"},
        ],
        "categories": [{"id": 1, "name": "p"}, {"id": 3, "name": "q"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [0, 0, 5, 5],
                "track_id": 1,
                "iscrowd": 0,
                "area": 25,
                "segmentation": [[0, 0, 5, 0, 5, 5]],
            },
            {
                "id": 2,
                "image_id": 2,
                "category_id": 3,
                "bbox": [1, 1, 5, 5],
                "track_id": 1,
                "visibility": 0.5,
                "segmentation": {"size": [20, 20], "counts": [21, 5, 374]},
            },
        ],
    }
).encode()
LABELS = json.dumps(
    {
        "format": "trackforge.labels",
        "version": 1,
        "sequence": "s",
        "source": "a.mp4",
        "rate": 25.0,
        "size": [64, 48],
        "frames": {"first": 0, "count": 6, "step": 1},
        "files": [],
        "classes": ["p", "q"],
        "checked": [1, 2],
        "wanted": [0, 3],
        "notes": [],
        "effort": {"moved": 1, "added": 0, "deleted": 0, "renamed": 0, "joined": 0},
        "edits": 1,
        "tracks": [
            {
                "id": 1,
                "label": 1,
                "object_id": "p:1",
                "attributes": {"hat": "red"},
                "keyframes": [
                    {"frame": 0, "xyxy": [1, 2, 3.5, 4], "origin": "model", "score": 0.5},
                    {"frame": 3, "xyxy": [2, 2, 4.5, 4], "origin": "person", "attributes": {"pose": "sits"}},
                    {"frame": 5, "xyxy": [2, 2, 4.5, 4], "origin": "person", "outside": True},
                ],
            }
        ],
    }
).encode()
GRAPH = json.dumps(
    {
        "nodes": [
            {"op": "null", "name": "data", "inputs": []},
            {"op": "null", "name": "w", "inputs": []},
            {
                "op": "Convolution",
                "name": "c",
                "attrs": {"kernel": "(3, 3)", "num_filter": "8", "no_bias": "True", "stride": "(2, 2)"},
                "inputs": [[0, 0, 0], [1, 0, 0]],
            },
            {"op": "Pooling", "name": "p", "attrs": {"kernel": "(2, 2)", "pool_type": "max"}, "inputs": [[2, 0, 0]]},
            {"op": "Reshape", "name": "r", "attrs": {"shape": "(0, 2, -1)"}, "inputs": [[3, 0, 0]]},
            {"op": "softmax", "name": "s", "attrs": {"axis": "1"}, "inputs": [[4, 0, 0]]},
            {"op": "slice_axis", "name": "x", "attrs": {"axis": "2", "begin": "0", "end": "4"}, "inputs": [[4, 0, 0]]},
            {"op": "_contrib_MultiBoxPrior", "name": "a", "attrs": {"sizes": "(0.3,)"}, "inputs": [[3, 0, 0]]},
            {"op": "tile", "name": "t", "attrs": {"reps": "(2, 2)"}, "inputs": [[6, 0, 0]]},
            {"op": "_contrib_box_nms", "name": "n", "attrs": {"coord_start": "0"}, "inputs": [[7, 0, 0]]},
        ],
        "arg_nodes": [0, 1],
        "heads": [[5, 0, 0], [8, 0, 0]],
    }
).encode()
RESULTS = json.dumps([{"image_id": k, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5} for k in (1, 2)]).encode()
LINES = b"\n".join(
    json.dumps(
        {
            "frame": k,
            "timestamp": k / 25,
            "sequence": "s",
            "width": 7,
            "height": 5,
            "tracks": [
                {
                    "track_id": 1,
                    "xyxy": [0, 0, 5, 5],
                    "score": 0.5,
                    "class_id": 0,
                    "mask": {"size": [5, 7], "counts": "S1"},
                },
            ],
        }
    ).encode()
    for k in range(2)
)

SEQLABEL = json.dumps(
    {
        "tracking-annotations": [
            {
                "annotations": [
                    {
                        "height": 3, "width": 4, "top": 1, "left": 2, "class-id": "0", "object-id": "a",
                        "label-category-attributes": {"c": "red"}, "object-name": "Car:1",
                    }
                ],
                "frame-no": "0", "frame": "000001.jpg", "frame-attributes": {},
            }
        ]
    }
).encode()  # fmt: skip
SEQUENCE = b'{"seq-no":1,"prefix":"s3://b/f/","number-of-frames":1,"frames":[{"frame-no":1,"frame":"a.jpg"}]}'
WORKER = json.dumps(
    {
        "answers": [
            {
                "workerId": "w1",
                "answerContent": {
                    "trackingAnnotations": {
                        "frameNumber": 0, "frame": "000001.jpg", "frameAttributes": {},
                        "boundingBoxes": [
                            {"objectId": "a", "objectName": "Car:1", "top": 1, "left": 2, "height": 3, "width": 4}
                        ],
                    }
                },
            }
        ]
    }
).encode()  # fmt: skip

ANSWERS = {
    "prediction": {"prediction": [[4.0, 0.86, 0.3, 0.07, 0.7, 0.9], [0, 0.7, 0.5, 0.4, 0.8, 0.9]]},
    "annotations": {
        "image_size": [{"width": 8, "height": 6, "depth": 3}],
        "annotations": [{"class_id": 3, "score": 0.5, "left": 1, "top": 2, "width": 3, "height": 2}],
    },
    "segmentation": {
        "ids": [[2], [0]],
        "scores": [[0.9], [0.75]],
        "bboxes": [[1, 1, 4, 3], [2, 2, 6, 5]],
        "masks": [[[0, 1, 1, 0, 0, 0, 0, 0]] * 6, [[0.9, 0.1], [0.2, 0.7]]],
        "labels": ["car", "person"],
    },
    "detection": {
        "normalized_boxes": [[0.1, 0.2, 0.5, 0.6]],
        "classes": [2],
        "scores": [0.9],
        "labels": ["person", "bicycle", "car"],
    },
}
"""Answers of SageMaker's endpoints, each form that is read."""


@dataclass(frozen=True)
class Target:
    """Something that reads.

    Attributes:
        name: For the command line and findings.
        prepare: Makes good inputs in a folder and returns what ``attempt`` does with damage.
        needs: Modules without which it is left out.
    """

    name: str
    prepare: Callable[[Path], Callable[[Damage], Any]]
    needs: tuple[str, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Whether everything that it needs is installed."""
        return all(importlib.util.find_spec(name) is not None for name in self.needs)


def targets() -> dict[str, Target]:
    """Return all targets that are possible here, by name."""
    from fuzz.binaries import binaries

    found = [*_texts(), *_sets(), *binaries()]
    return {one.name: one for one in found if one.is_possible}


def _reader(name: str, good: bytes, file: str, read: Callable[[Path], Any], *, document: bool = False) -> Target:
    def prepare(folder: Path) -> Callable[[Damage], Any]:
        return lambda damage: read(damage.file(folder / file, good, document=document))

    return Target(name, prepare)


def _texts() -> Iterator[Target]:
    from trackforge import evaluate
    from trackforge.data.dialects.ground_truth_sequences import read_sequence_file
    from trackforge.io.builtin_response import read_names, read_response
    from trackforge.io.coco import read_coco, read_coco_classes
    from trackforge.io.mot import read_mot, read_seqinfo
    from trackforge.io.tables import read_tables
    from trackforge.models.card import ModelCard
    from trackforge.review import Document
    from trackforge.runs import TrackingRun, plan
    from trackforge.runs.layers import from_toml

    for kind, good in (("tracks", MOT), ("detections", MOT), ("truth", TRUTH)):
        yield _reader(f"mot-{kind}", good, "a.txt", lambda path, kind=kind: read_mot(path, kind=kind))  # type: ignore[misc]
    yield _reader("seqinfo", INI, "seqinfo.ini", read_seqinfo)
    yield _reader("coco", COCO, "a.json", lambda path: (read_coco(path), read_coco_classes(path)), document=True)
    yield _reader("coco-results", RESULTS, "a.json", read_coco, document=True)
    yield _reader("jsonl", LINES, "a.jsonl", lambda path: read_tables(path, "jsonl"), document=True)
    yield _reader(
        "seqlabel", SEQLABEL, "a.json", lambda path: (read_coco(path), read_coco_classes(path)), document=True
    )
    yield Target("ground-truth-answers", _answers, ("cv2",))
    yield Target("picture-answers", _picture_answers, ("cv2",))
    yield _reader("sequence-file", SEQUENCE, "a.json", read_sequence_file, document=True)
    for form, answer in ANSWERS.items():
        good = json.dumps(answer).encode()
        yield _reader(
            f"answer-{form}",
            good,
            "a.out",
            lambda path: (read_response(path, (8, 6)), read_names(path)),
            document=True,
        )
    yield _reader(
        "labels",
        LABELS,
        "a.labels.json",
        lambda path: (made := Document.load(path), made.table(), made.to_dataset(), made.check()),
        document=True,
    )
    yield _reader("config", TOML, "a.toml", lambda path: plan(from_toml(path, TrackingRun)))

    def scored(folder: Path) -> Callable[[Damage], Any]:
        (folder / "gt.txt").write_bytes(TRUTH)
        return lambda damage: evaluate(str(folder / "gt.txt"), str(damage.file(folder / "a.txt", MOT)))

    yield Target("evaluate", scored)

    def referred(folder: Path) -> Callable[[Damage], Any]:
        (folder / "ref.json").write_bytes(COCO)

        def attempt(damage: Damage) -> Any:
            return read_coco(damage.file(folder / "a.json", RESULTS, document=True), reference=folder / "ref.json")

        return attempt

    yield Target("coco-reference", referred)

    def card(folder: Path) -> Callable[[Damage], Any]:
        good = json.dumps(
            {
                "format": 2,
                "component": {"kind": "detector", "name": "yolox"},
                "variant": "yolox-nano",
                "classes": ["a", "b"],
                "preprocessing": {"size": [64, 64]},
                "provenance": {"file": "x"},
                "extra": {},
            }
        ).encode()
        return lambda damage: ModelCard.from_json(
            damage.file(folder / "card.json", good, document=True).read_bytes().decode("latin1")
        )

    yield Target("card", card)
    yield Target("mxnet-graph", _graph, ("torch", "trackforge_mxnet"))


def _answers(folder: Path) -> Callable[[Damage], Any]:
    """Answers of two workers in a job on video, one of them damaged."""
    from trackforge import data

    place = folder / "job/annotations/worker-response/iteration-1/0"
    place.mkdir(parents=True)
    (place / "whole.json").write_bytes(WORKER)

    def attempt(damage: Damage) -> Any:
        damage.file(place / "damaged.json", WORKER.replace(b"w1", b"w2"), document=True)
        return data.read(folder / "job", "ground-truth")

    return attempt


def _picture_answers(folder: Path) -> Callable[[Damage], Any]:
    """Answers of two workers to one picture, damaged."""
    from trackforge import data

    job = folder / "job"
    place = job / "annotations/worker-response/iteration-1/0"
    place.mkdir(parents=True)
    (job / "manifests/output").mkdir(parents=True)
    (job / "manifests/output/output.manifest").write_text('{"source-ref": "s3://bucket/a.jpg"}\n')
    drawn = {"boundingBoxes": [{"label": "Car", "left": 1, "top": 2, "width": 3, "height": 4}]}
    drawn["inputImageProperties"] = {"width": 9, "height": 9}  # type: ignore[assignment]
    good = {"answers": [{"workerId": w, "answerContent": {"annotatedResult": drawn}} for w in ("a", "b")]}

    def attempt(damage: Damage) -> Any:
        damage.file(place / "answer.json", json.dumps(good).encode(), document=True)
        return data.read(job, "augmented-manifest", workers=True)

    return attempt


def _graph(folder: Path) -> Callable[[Damage], Any]:
    """A graph of MXNet's, read, compiled and carried out."""
    import numpy as np
    import torch

    from trackforge.intake.limits import limited
    from trackforge_mxnet.graph import parse_graph
    from trackforge_mxnet.program import compile_graph

    def attempt(damage: Damage) -> Any:
        path = damage.file(folder / "x-symbol.json", GRAPH, document=True)
        graph = parse_graph(path.read_bytes().decode("latin1"), path)
        with limited(bytes=100_000_000):
            program = compile_graph(graph, {"w": np.ones((8, 3, 3, 3), np.float32)})
            return program(data=torch.zeros(1, 3, 32, 32))

    return attempt


def _sets() -> Iterator[Target]:
    """Every registered format of data sets that can be written, or has a sample: any file of a good set is damaged."""
    from format_samples import SAMPLES

    from trackforge import data

    sampled = {name for name, _ in SAMPLES.values()}
    for name, known in data.formats().items():
        if known.write is not None or name in sampled:
            yield Target(f"set-{name}", lambda folder, name=name: _set(folder, name), ("cv2", "yaml"))  # type: ignore[misc]


def _set(folder: Path, name: str) -> Callable[[Damage], Any]:
    from format_samples import SAMPLES
    from labelled import film

    from trackforge import data
    from trackforge.errors import TrackforgeError

    target = folder / "set"
    if name == "coco":
        target = folder / "set" / "a.json"
    if data.format_named(name).write is None:
        next(make for known, make in SAMPLES.values() if known == name)(target)
    else:
        with contextlib.suppress(TrackforgeError):
            data.write(film(folder / "source"), target, name, images="copy")
    files = sorted(path for path in (folder / "set").rglob("*") if path.is_file())
    good = {path: path.read_bytes() for path in files}
    labels = [path for path in files if path.suffix not in (".png", ".jpg")] or files

    def attempt(damage: Damage) -> Any:
        path = damage.random.choice(labels if damage.random.random() < 0.9 else files)
        try:
            damage.file(path, good[path], document=path.suffix == ".json")
            read = data.read(target, name)
            data.check(target, format=name)
            return len(read)
        finally:
            path.write_bytes(good[path])

    return attempt
