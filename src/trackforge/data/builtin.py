"""Core's own formats of labelled data sets: who reads and writes them, and what they hold."""

from __future__ import annotations

from trackforge.data import coco, coco_writing, labels, mot, mot_writing, voc
from trackforge.data.dialects import label_studio, label_studio_writing, labelme
from trackforge.data.formats import Format

__all__ = [
    "coco_format",
    "jde_format",
    "label_studio_format",
    "labelme_format",
    "mot_format",
    "voc_format",
    "yolo_format",
]


def jde_format() -> Format:
    """JDE: class and identity a line; no ignore regions, boxes relative to the picture."""
    return Format(
        sniff=labels.sniff_jde,
        read=labels.read_jde,
        write=labels.write_jde,
        holds=frozenset({"ids", "sequence", "split", "names", "empty"}),
        rank=10,
    )


def mot_format() -> Format:
    """MOTChallenge: sequences only, everything in them but further fields."""
    return Format(
        sniff=mot.sniff_mot,
        read=mot.read_mot_set,
        write=mot_writing.write_mot_set,
        holds=frozenset({"ids", "ignore", "visibility", "sequence", "rate", "split", "names", "empty"}),
        holds_extra=("world", "after_class"),
        rank=20,
    )


def label_studio_format() -> Format:
    """Label Studio: videos with tracks and pictures with rectangles; no ignore regions."""
    return Format(
        sniff=label_studio.sniff_label_studio,
        read=label_studio.read_label_studio,
        write=label_studio_writing.write_label_studio,
        holds=frozenset({"ids", "sequence", "rate", "names", "empty"}),
        rank=22,
    )


def labelme_format() -> Format:
    """A file of labelme a picture."""
    return Format(sniff=labelme.sniff_labelme, read=labelme.read_labelme, rank=24)


def coco_format() -> Format:
    """COCO: everything that a data set can hold."""
    return Format(
        sniff=coco.sniff_coco,
        read=coco.read_coco_set,
        write=coco_writing.write_coco_set,
        holds=frozenset(
            {"ids", "ignore", "visibility", "sequence", "rate", "split", "names", "numbers", "empty", "extra"}
        ),
        rank=30,
    )


def voc_format() -> Format:
    """Pascal VOC: stills without identities."""
    return Format(
        sniff=voc.sniff_voc,
        read=voc.read_voc,
        write=voc.write_voc,
        holds=frozenset({"ignore", "split", "names", "empty"}),
        holds_extra=("pose", "truncated", "occluded"),
        rank=40,
    )


def yolo_format() -> Format:
    """YOLO: classes and boxes; last, for its folders look like many others."""
    return Format(
        sniff=labels.sniff_yolo,
        read=labels.read_yolo,
        write=labels.write_yolo,
        holds=frozenset({"split", "names", "empty"}),
        rank=50,
    )
