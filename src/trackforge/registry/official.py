"""The plugins that are made in trackforge's own repository, for those who have not installed them."""

from __future__ import annotations

__all__ = ["COMMANDS", "OFFICIAL"]

OFFICIAL = {
    "trackforge-byte": "association methods and trackers: BYTE, SORT, OC-SORT",
    "trackforge-yolox": "YOLOX detectors, nano to x",
    "trackforge-onnx": "Any detector as an ONNX file: YOLO heads, DETR, SSD, torchvision, found out by looking",
    "trackforge-fairmot": "FairMOT: one network that finds people and tells them apart; its trackers and its training",
    "trackforge-mxnet": "old MXNet detectors (SageMaker, GluonCV) run on torch, without MXNet",
    "trackforge-ssd": "SSD with VGG-16 and ResNet-50, in the dialects of SageMaker, GluonCV and torchvision",
    "trackforge-sagemaker": "SageMaker: containers that train, serve and process; jobs and endpoints from outside",
}
"""What each gives, by distribution; ``make new-plugin`` adds its line."""
COMMANDS = {"sagemaker": "trackforge-sagemaker"}
"""Subcommands that some of them add, and whose each is."""
