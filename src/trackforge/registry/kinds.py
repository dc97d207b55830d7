"""The kinds of components: what each is, which contract it keeps, what checks that, and which door makes one."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from trackforge.errors import ConfigError, did_you_mean

__all__ = ["KINDS", "Kind", "kind_named"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of component.

    Attributes:
        name: What plugins write, ``ComponentSpec(kind="detector", ...)``, and users: ``trackforge info detector``.
        summary: What it is, one sentence.
        protocol: ``"package.module:Name"`` of the contract.
        check: ``"package.module:name"`` of the function that tries the contract on a component.
        door: ``"package.module:name"`` of the function that makes one by name.
    """

    name: str
    summary: str
    protocol: str
    check: str
    door: str

    def load(self, what: str) -> Any:
        """Import and return what ``protocol``, ``check`` or ``door`` names."""
        module, _, attribute = str(getattr(self, what)).partition(":")
        return getattr(importlib.import_module(module), attribute)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="detector",
            summary="Finds objects in frames.",
            protocol="trackforge.protocols:Detector",
            check="trackforge.testing:check_detector",
            door="trackforge:detector",
        ),
        Kind(
            name="embedder",
            summary="Describes how the objects in boxes look.",
            protocol="trackforge.protocols:Embedder",
            check="trackforge.testing:check_embedder",
            door="trackforge:embedder",
        ),
        Kind(
            name="segmenter",
            summary="Finds the pixels of the objects in boxes.",
            protocol="trackforge.protocols:Segmenter",
            check="trackforge.testing:check_segmenter",
            door="trackforge:segmenter",
        ),
        Kind(
            name="camera",
            summary="Tells how the picture moved since the frame before.",
            protocol="trackforge.protocols:CameraMotion",
            check="trackforge.testing:check_camera_motion",
            door="trackforge:camera_motion",
        ),
        Kind(
            name="associator",
            summary="Decides which track goes with which detection.",
            protocol="trackforge.protocols:Associator",
            check="trackforge.testing:check_associator",
            door="trackforge:associator",
        ),
        Kind(
            name="motion",
            summary="Predicts where boxes go.",
            protocol="trackforge.protocols:MotionModel",
            check="trackforge.testing:check_motion_model",
            door="trackforge:motion_model",
        ),
        Kind(
            name="tracker",
            summary="Turns detections into tracks.",
            protocol="trackforge.protocols:Tracker",
            check="trackforge.testing:check_tracker",
            door="trackforge:tracker",
        ),
        Kind(
            name="analytic",
            summary="Turns tracks into counts, speeds and the like.",
            protocol="trackforge.protocols:Analytic",
            check="trackforge.testing:check_analytic",
            door="trackforge:analytic",
        ),
        Kind(
            name="source",
            summary="Yields the frames of a sequence.",
            protocol="trackforge.protocols:Source",
            check="trackforge.testing:check_source",
            door="trackforge:source",
        ),
        Kind(
            name="sink",
            summary="Takes results frame by frame.",
            protocol="trackforge.protocols:Sink",
            check="trackforge.testing:check_sink",
            door="trackforge:sink",
        ),
        Kind(
            name="dataset",
            summary="A format of labelled data sets.",
            protocol="trackforge.data:Format",
            check="trackforge.testing:check_dataset_format",
            door="trackforge.data:format_named",
        ),
        Kind(
            name="trainer",
            summary="Trains a model.",
            protocol="trackforge.training:Recipe",
            check="trackforge.testing:check_trainer",
            door="trackforge:trainer",
        ),
        Kind(
            name="exporter",
            summary="Writes a model for another engine.",
            protocol="trackforge.protocols:Exporter",
            check="trackforge.testing:check_exporter",
            door="trackforge:export",
        ),
        Kind(
            name="command",
            summary="A subcommand of the command line.",
            protocol="trackforge.protocols:Command",
            check="trackforge.testing:check_command",
            door="trackforge:command",
        ),
    )
}
"""Every kind by name, in the order of the flow; the one list that registry, doors, conformance kit and docs follow."""


def kind_named(name: str) -> Kind:
    """Return a kind by its name.

    Raises:
        ConfigError: There is none; the message suggests the nearest.
    """
    if name not in KINDS:
        raise ConfigError(f"There is no kind {name!r}.{did_you_mean(name, KINDS)} Kinds are: {', '.join(KINDS)}.")
    return KINDS[name]
