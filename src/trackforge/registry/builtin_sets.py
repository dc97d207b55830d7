"""Core's own formats of data sets; see `trackforge.registry.builtin`."""

from __future__ import annotations

from trackforge.registry.spec import ComponentSpec

__all__ = ["DATASETS"]

DATASETS = (
    ComponentSpec(
        kind="dataset",
        name="jde",
        target="trackforge.data.builtin:jde_format",
        summary="JDE's images/ and labels_with_ids/ (FairMOT, Towards-Realtime-MOT).",
    ),
    ComponentSpec(
        kind="dataset",
        name="mot",
        target="trackforge.data.builtin:mot_format",
        summary="MOTChallenge sequences: seqinfo.ini, gt/gt.txt, img1/.",
    ),
    ComponentSpec(
        kind="dataset",
        name="seqmaps",
        target="trackforge.data.builtin:seqmaps_format",
        summary="Lists of MOTChallenge sequences: seqmaps/*.txt, SportsMOT's splits_txt; read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="kitti",
        target="trackforge.data.builtin:kitti_format",
        summary="KITTI tracking: label_02/0000.txt, image_02/0000/000000.png.",
    ),
    ComponentSpec(
        kind="dataset",
        name="visdrone",
        target="trackforge.data.builtin:visdrone_format",
        summary="VisDrone: annotations/ beside sequences/ (videos) or images/ (stills); read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="uavdt",
        target="trackforge.data.builtin:uavdt_format",
        summary="UAVDT: GT/M0101_gt_whole.txt, M0101_gt_ignore.txt; read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="crowdhuman",
        target="trackforge.data.builtin:crowdhuman_format",
        summary="CrowdHuman: annotation_train.odgt, Images/; read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="detrac",
        target="trackforge.data.builtin:detrac_format",
        summary="UA-DETRAC xml, one file a sequence; read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="cvat",
        target="trackforge.data.builtin:cvat_format",
        summary="CVAT xml for video 1.1: tracks told by keyframes.",
    ),
    ComponentSpec(
        kind="dataset",
        name="cvat-images",
        target="trackforge.data.builtin:cvat_images_format",
        summary="CVAT xml for images 1.1.",
    ),
    ComponentSpec(
        kind="dataset",
        name="ground-truth",
        target="trackforge.data.builtin:ground_truth_format",
        summary="Ground Truth's labels of video: output folders, output.manifest, SeqLabel.json, workers' answers.",
    ),
    ComponentSpec(
        kind="dataset",
        name="scalabel",
        target="trackforge.data.builtin:scalabel_format",
        summary="BDD100K and Scalabel json: frames with box2d; read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="label-studio",
        target="trackforge.data.builtin:label_studio_format",
        summary="Label Studio's JSON: tracks in videos, rectangles in pictures.",
    ),
    ComponentSpec(
        kind="dataset",
        name="labelme",
        target="trackforge.data.builtin:labelme_format",
        summary="labelme's JSON, a file a picture; read only.",
    ),
    ComponentSpec(
        kind="dataset",
        name="coco",
        target="trackforge.data.builtin:coco_format",
        summary="COCO json, with videos and track ids.",
    ),
    ComponentSpec(
        kind="dataset",
        name="recordio",
        target="trackforge.data.builtin:recordio_format",
        summary="MXNet's RecordIO with labels for detection: .rec, .idx, .lst; what im2rec makes.",
    ),
    ComponentSpec(
        kind="dataset",
        name="sagemaker-json",
        target="trackforge.data.builtin:sagemaker_json_format",
        summary="JSON annotations of SageMaker's Object Detection: train/, train_annotation/.",
    ),
    ComponentSpec(
        kind="dataset",
        name="augmented-manifest",
        target="trackforge.data.builtin:manifest_format",
        summary="Augmented manifests of SageMaker and Ground Truth: lines of JSON with source-ref; and their streams.",
    ),
    ComponentSpec(
        kind="dataset",
        name="voc",
        target="trackforge.data.builtin:voc_format",
        summary="Pascal VOC: Annotations/*.xml, JPEGImages/.",
    ),
    ComponentSpec(
        kind="dataset",
        name="yolo",
        target="trackforge.data.builtin:yolo_format",
        summary="YOLO text: images/, labels/, data.yaml.",
    ),
)
