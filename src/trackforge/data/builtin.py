"""Core's own formats of labelled data sets: who reads and writes them, and what they hold."""

from __future__ import annotations

from trackforge.data import (
    coco,
    coco_writing,
    label_writing,
    labels,
    mot,
    mot_writing,
    recordio,
    recordio_writing,
    voc,
    voc_writing,
)
from trackforge.data.dialects import (
    crowdhuman,
    cvat,
    cvat_images,
    cvat_writing,
    detrac,
    ground_truth,
    ground_truth_writing,
    kitti,
    label_studio,
    label_studio_writing,
    labelme,
    manifest,
    manifest_labels,
    manifest_writing,
    sagemaker_json,
    scalabel,
    seqmaps,
    uavdt,
    visdrone,
)
from trackforge.data.formats import Format

__all__ = [
    "coco_format",
    "crowdhuman_format",
    "cvat_format",
    "cvat_images_format",
    "detrac_format",
    "ground_truth_format",
    "jde_format",
    "kitti_format",
    "label_studio_format",
    "labelme_format",
    "manifest_format",
    "mot_format",
    "recordio_format",
    "sagemaker_json_format",
    "scalabel_format",
    "seqmaps_format",
    "uavdt_format",
    "visdrone_format",
    "voc_format",
    "yolo_format",
]


def jde_format() -> Format:
    """JDE: class and identity a line; no ignore regions, boxes relative to the picture."""
    return Format(
        sniff=labels.sniff_jde,
        read=labels.read_jde,
        write=label_writing.write_jde,
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


def seqmaps_format() -> Format:
    """Lists of MOTChallenge sequences; read only."""
    return Format(sniff=seqmaps.sniff_seqmaps, read=seqmaps.read_seqmaps, rank=21)


def kitti_format() -> Format:
    """KITTI tracking: sequences; ignore regions have neither class nor identity."""
    return Format(
        sniff=kitti.sniff_kitti,
        read=kitti.read_kitti,
        write=kitti.write_kitti,
        holds=frozenset({"ids", "ignore", "sequence", "split", "names", "empty"}),
        holds_extra=kitti.KITTI_FIELDS,
        rank=22,
    )


def visdrone_format() -> Format:
    """VisDrone's videos and stills; read only."""
    return Format(sniff=visdrone.sniff_visdrone, read=visdrone.read_visdrone, rank=23)


def uavdt_format() -> Format:
    """UAVDT; read only."""
    return Format(sniff=uavdt.sniff_uavdt, read=uavdt.read_uavdt, rank=24)


def crowdhuman_format() -> Format:
    """CrowdHuman's odgt; read only."""
    return Format(sniff=crowdhuman.sniff_crowdhuman, read=crowdhuman.read_crowdhuman, rank=25)


def detrac_format() -> Format:
    """UA-DETRAC's XML; read only."""
    return Format(sniff=detrac.sniff_detrac, read=detrac.read_detrac, rank=26)


def cvat_format() -> Format:
    """CVAT's XML for video: sequences, with everything in them."""
    return Format(
        sniff=cvat.sniff_cvat,
        read=cvat.read_cvat,
        write=cvat_writing.write_cvat,
        holds=frozenset({"ids", "ignore", "visibility", "sequence", "split", "names", "empty", "extra"}),
        rank=27,
    )


def ground_truth_format() -> Format:
    """Ground Truth's labels of video: identities, names and attributes of objects, of frames, and empty frames."""
    return Format(
        sniff=ground_truth.sniff_ground_truth,
        read=ground_truth.read_ground_truth,
        write=ground_truth_writing.write_ground_truth,
        holds=frozenset({"ids", "sequence", "names", "empty", "extra"}),
        files=(".json",),
        rank=22,
    )


def cvat_images_format() -> Format:
    """CVAT's XML for images: stills, with everything in them."""
    return Format(
        sniff=cvat_images.sniff_cvat_images,
        read=cvat_images.read_cvat_images,
        write=cvat_images.write_cvat_images,
        holds=frozenset({"ids", "ignore", "visibility", "split", "names", "empty", "masks", "extra"}),
        rank=28,
    )


def scalabel_format() -> Format:
    """Scalabel's JSON, as of BDD100K; read only."""
    return Format(sniff=scalabel.sniff_scalabel, read=scalabel.read_scalabel, rank=29)


def label_studio_format() -> Format:
    """Label Studio: videos with tracks and pictures with rectangles; no ignore regions."""
    return Format(
        sniff=label_studio.sniff_label_studio,
        read=label_studio.read_label_studio,
        write=label_studio_writing.write_label_studio,
        holds=frozenset({"ids", "sequence", "rate", "names", "empty", "extra"}),
        files=(".json",),
        rank=29,
    )


def labelme_format() -> Format:
    """A file of labelme a picture; read only."""
    return Format(sniff=labelme.sniff_labelme, read=labelme.read_labelme, rank=29)


def coco_format() -> Format:
    """COCO: everything that a data set can hold."""
    return Format(
        sniff=coco.sniff_coco,
        read=coco.read_coco_set,
        write=coco_writing.write_coco_set,
        files=(".json",),
        beside="annotations",
        holds=frozenset(
            {
                "ids",
                "ignore",
                "visibility",
                "sequence",
                "rate",
                "split",
                "names",
                "numbers",
                "empty",
                "masks",
                "extra",
            }
        ),
        rank=30,
    )


def sagemaker_json_format() -> Format:
    """The JSON annotations of SageMaker's built-in Object Detection: classes and boxes."""
    return Format(
        sniff=sagemaker_json.sniff_sagemaker_json,
        read=sagemaker_json.read_sagemaker_json,
        write=sagemaker_json.write_sagemaker_json,
        holds=frozenset({"split", "names", "empty"}),
        rank=29,
    )


def manifest_format() -> Format:
    """Augmented manifests for object detection: classes, boxes and how sure a labeller was."""
    return Format(
        sniff=manifest.sniff_manifest,
        read=manifest.read_manifest,
        write=manifest_writing.write_manifest,
        holds=frozenset({"split", "names", "empty"}),
        holds_extra=("confidence", *manifest_labels.TOLD.values()),
        rank=29,
    )


def recordio_format() -> Format:
    """MXNet's RecordIO: stills without identities, pictures inside the file."""
    return Format(
        sniff=recordio.sniff_recordio,
        read=recordio.read_recordio,
        write=recordio_writing.write_recordio,
        holds=frozenset({"ignore", "split", "names", "empty"}),
        rank=31,
    )


def voc_format() -> Format:
    """Pascal VOC: stills without identities."""
    return Format(
        sniff=voc.sniff_voc,
        read=voc.read_voc,
        write=voc_writing.write_voc,
        holds=frozenset({"ignore", "split", "names", "empty"}),
        holds_extra=("pose", "truncated", "occluded"),
        rank=40,
    )


def yolo_format() -> Format:
    """YOLO: classes and boxes; last, for its folders look like many others."""
    return Format(
        sniff=labels.sniff_yolo,
        read=labels.read_yolo,
        write=label_writing.write_yolo,
        holds=frozenset({"split", "names", "empty"}),
        rank=50,
    )
