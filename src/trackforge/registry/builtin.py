"""Core's own components, offered through the same door as everybody else's."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl
from trackforge.registry.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

VIDEO = {"requires": ("av", "cv2"), "install": "trackforge-mot[video]"}
IMAGES = {"requires": ("cv2",), "install": "trackforge-mot[video]"}
SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "tcp://", "rtp://", "srt://")


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the built-in detectors, motion models, tracker, sources and sinks."""
    yield from _detectors()
    yield from _motion()
    yield from _sources()
    yield from _sinks()


def _detectors() -> Iterator[ComponentSpec]:
    yield ComponentSpec(
        kind="detector",
        name="motion",
        target="trackforge.detectors.motion:MotionDetector",
        config="trackforge.detectors.motion:MotionDetectorConfig",
        summary="Moving things before a static camera, by background subtraction; no weights.",
        source="Zivkovic and van der Heijden, Pattern Recognition Letters 27, 2006; OpenCV, Apache-2.0",
        **IMAGES,  # type: ignore[arg-type]
    )
    yield ComponentSpec(
        kind="detector",
        name="file",
        target="trackforge.detectors.file:FileDetector",
        config="trackforge.detectors.file:FileDetectorConfig",
        summary="Replays detections from a MOT or COCO file.",
    )


def _motion() -> Iterator[ComponentSpec]:
    for name, summary in (
        ("xyah", "Constant-velocity Kalman filter on centre, aspect ratio and height (ByteTrack, FairMOT, DeepSORT)."),
        ("xywh", "Constant-velocity Kalman filter on centre, width and height (BoT-SORT)."),
        ("xysr", "Kalman filter on centre, area and constant aspect ratio (SORT, OC-SORT)."),
    ):
        yield ComponentSpec(
            kind="motion",
            name=name,
            target=f"trackforge.motion:Kalman{name.upper()}",
            config=f"trackforge.motion:Kalman{name.upper()}Config",
            summary=summary,
            source="Kalman, J. Basic Engineering 82, 1960; Wojke et al., ICIP 2017; Bewley et al., ICIP 2016",
        )
    yield ComponentSpec(
        kind="tracker",
        name="online",
        target="trackforge.online:online_tracker",
        config="trackforge.online:OnlineConfig",
        summary="Any associator and any motion model, put together by name.",
    )


def _sources() -> Iterator[ComponentSpec]:
    for name, cls, summary, suffixes, needs in (
        ("video", "video:VideoSource", "Frames of a video file.", VIDEO_SUFFIXES, VIDEO),
        ("camera", "camera:CameraSource", "Frames of a camera, or of a network stream (RTSP, HTTP).", SCHEMES, VIDEO),
        (
            "images",
            "images:ImageSource",
            "Images of a folder, or matching a glob, in natural order.",
            IMAGE_SUFFIXES,
            IMAGES,
        ),
        (
            "mot-sequence",
            "images:MotSequenceSource",
            "A MOTChallenge sequence folder (seqinfo.ini, img1/).",
            ("seqinfo.ini",),
            IMAGES,
        ),
        ("frames", "images:BlankSource", "Frames without images, for detections from a file.", (), {}),
    ):
        yield ComponentSpec(
            kind="source",
            name=name,
            target=f"trackforge.io.{cls}",
            config=f"trackforge.io.{cls}Config",
            summary=summary,
            suffixes=suffixes,
            **needs,  # type: ignore[arg-type]
        )
    yield ComponentSpec(
        kind="source",
        name="synthetic",
        target="trackforge.synthetic.world:SyntheticSource",
        config="trackforge.synthetic.world:SyntheticSourceConfig",
        summary="A street drawn by the computer, with ground truth; for demonstrations and tests.",
        **IMAGES,  # type: ignore[arg-type]
    )


def _sinks() -> Iterator[ComponentSpec]:
    for name, cls, summary, suffixes, needs in (
        ("mot", "mot:MotSink", "MOTChallenge text file.", (".txt",), {}),
        ("coco", "coco:CocoSink", "COCO json with track ids.", (".json",), {}),
        ("jsonl", "jsonl:JsonLinesSink", "One JSON object a frame.", (".jsonl",), {}),
        (
            "parquet",
            "parquet:ParquetSink",
            "Parquet table, one row a track and frame.",
            (".parquet",),
            {"requires": ("pyarrow",), "install": "trackforge-mot[parquet]"},
        ),
        ("overlay", "overlay:OverlaySink", "Video with boxes, ids and trails.", (".mp4", ".mkv", ".mov"), VIDEO),
    ):
        yield ComponentSpec(
            kind="sink",
            name=name,
            target=f"trackforge.io.{cls}",
            config=f"trackforge.io.{cls}Config",
            summary=summary,
            suffixes=suffixes,
            **needs,  # type: ignore[arg-type]
        )
