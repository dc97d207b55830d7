"""Core's own components, offered through the same door as everybody else's."""

from __future__ import annotations

from collections.abc import Iterator

from trackforge.registry import ComponentSpec, hookimpl
from trackforge.registry.builtin_sets import DATASETS
from trackforge.registry.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES

VIDEO, IMAGES, NEEDS_VIDEO = ("av", "cv2"), ("cv2",), "trackforge-mot[video]"
SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "tcp://", "rtp://", "srt://")
KALMAN = "Kalman, J. Basic Engineering 82, 1960; Wojke et al., ICIP 2017; Bewley et al., ICIP 2016"

DETECTORS = (
    ComponentSpec(
        kind="detector",
        name="motion",
        target="trackforge.detectors.motion:MotionDetector",
        config="trackforge.detectors.motion:MotionDetectorConfig",
        summary="Moving things before a static camera, by background subtraction; no weights.",
        source="Zivkovic and van der Heijden, Pattern Recognition Letters 27, 2006; OpenCV, Apache-2.0",
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="detector",
        name="file",
        target="trackforge.detectors.file:FileDetector",
        config="trackforge.detectors.file:FileDetectorConfig",
        summary="Replays detections from a MOT or COCO file.",
    ),
    ComponentSpec(
        kind="detector",
        name="response",
        target="trackforge.detectors.responses:ResponseDetector",
        config="trackforge.detectors.responses:ResponseDetectorConfig",
        summary="Replays stored answers of SageMaker's models, one a picture: built-in Object Detection, JumpStart.",
    ),
)
MOTION = (
    ComponentSpec(
        kind="motion",
        name="xyah",
        target="trackforge.motion:KalmanXYAH",
        config="trackforge.motion:KalmanXYAHConfig",
        summary="Constant-velocity Kalman filter on centre, aspect ratio and height (ByteTrack, FairMOT, DeepSORT).",
        source=KALMAN,
    ),
    ComponentSpec(
        kind="motion",
        name="xywh",
        target="trackforge.motion:KalmanXYWH",
        config="trackforge.motion:KalmanXYWHConfig",
        summary="Constant-velocity Kalman filter on centre, width and height (BoT-SORT).",
        source=KALMAN,
    ),
    ComponentSpec(
        kind="motion",
        name="xysr",
        target="trackforge.motion:KalmanXYSR",
        config="trackforge.motion:KalmanXYSRConfig",
        summary="Kalman filter on centre, area and constant aspect ratio (SORT, OC-SORT).",
        source=KALMAN,
    ),
    ComponentSpec(
        kind="tracker",
        name="online",
        target="trackforge.online:online_tracker",
        config="trackforge.online:OnlineConfig",
        summary="Any associator and any motion model, put together by name.",
    ),
)
SOURCES = (
    ComponentSpec(
        kind="source",
        name="video",
        target="trackforge.io.video:VideoSource",
        config="trackforge.io.video:VideoSourceConfig",
        summary="Frames of a video file.",
        suffixes=VIDEO_SUFFIXES,
        requires=VIDEO,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="source",
        name="camera",
        target="trackforge.io.camera:CameraSource",
        config="trackforge.io.camera:CameraSourceConfig",
        summary="Frames of a camera, or of a network stream (RTSP, HTTP).",
        suffixes=SCHEMES,
        requires=VIDEO,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="source",
        name="images",
        target="trackforge.io.images:ImageSource",
        config="trackforge.io.images:ImageSourceConfig",
        summary="Images of a folder, or matching a glob, in natural order.",
        suffixes=tuple(suffix for suffix in IMAGE_SUFFIXES if suffix not in VIDEO_SUFFIXES),
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="source",
        name="mot-sequence",
        target="trackforge.io.images:MotSequenceSource",
        config="trackforge.io.images:MotSequenceSourceConfig",
        summary="A MOTChallenge sequence folder (seqinfo.ini, img1/).",
        suffixes=("seqinfo.ini",),
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="source",
        name="frames",
        target="trackforge.io.images:BlankSource",
        config="trackforge.io.images:BlankSourceConfig",
        summary="Frames without images, for detections from a file.",
    ),
    ComponentSpec(
        kind="source",
        name="synthetic",
        target="trackforge.synthetic.world:SyntheticSource",
        config="trackforge.synthetic.world:SyntheticSourceConfig",
        summary="A street drawn by the computer, with ground truth; for demonstrations and tests.",
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
)
SINKS = (
    ComponentSpec(
        kind="sink",
        name="mot",
        target="trackforge.io.mot:MotSink",
        config="trackforge.io.mot:MotSinkConfig",
        summary="MOTChallenge text file.",
        suffixes=(".txt",),
    ),
    ComponentSpec(
        kind="sink",
        name="coco",
        target="trackforge.io.coco:CocoSink",
        config="trackforge.io.coco:CocoSinkConfig",
        summary="COCO json with track ids.",
        suffixes=(".json",),
    ),
    ComponentSpec(
        kind="sink",
        name="jsonl",
        target="trackforge.io.jsonl:JsonLinesSink",
        config="trackforge.io.jsonl:JsonLinesSinkConfig",
        summary="One JSON object a frame.",
        suffixes=(".jsonl",),
    ),
    ComponentSpec(
        kind="sink",
        name="csv",
        target="trackforge.io.csv_lines:CsvSink",
        config="trackforge.io.csv_lines:CsvSinkConfig",
        summary="Comma-separated values, a header and one row a track and frame.",
        suffixes=(".csv",),
    ),
    ComponentSpec(
        kind="sink",
        name="parquet",
        target="trackforge.io.parquet:ParquetSink",
        config="trackforge.io.parquet:ParquetSinkConfig",
        summary="Parquet table, one row a track and frame.",
        suffixes=(".parquet",),
        requires=("pyarrow",),
        install="trackforge-mot[parquet]",
    ),
    ComponentSpec(
        kind="sink",
        name="pictures",
        target="trackforge.io.annotated:PicturesSink",
        config="trackforge.io.annotated:PicturesSinkConfig",
        summary="A folder of pictures with boxes drawn in, named as those of the source.",
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="sink",
        name="overlay",
        target="trackforge.io.overlay:OverlaySink",
        config="trackforge.io.overlay:OverlaySinkConfig",
        summary="Video with boxes, ids and trails.",
        suffixes=(".mp4", ".mkv", ".mov", ".webm", ".gif"),
        requires=VIDEO,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="sink",
        name="crops",
        target="trackforge.io.crops:CropSink",
        config="trackforge.io.crops:CropSinkConfig",
        summary="Pictures of every object, a folder a track.",
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
    ComponentSpec(
        kind="sink",
        name="counts",
        target="trackforge.io.counts:CountSink",
        config="trackforge.io.counts:CountSinkConfig",
        summary="How many objects of each class are in every frame, as .csv or .json.",
    ),
    ComponentSpec(
        kind="sink",
        name="events",
        target="trackforge.io.events:EventSink",
        config="trackforge.io.events:EventSinkConfig",
        summary="What happened by the analytics, one row each, as .csv, .jsonl or .parquet.",
        suffixes=(".events.csv", ".events.jsonl", ".events.parquet"),
    ),
    ComponentSpec(
        kind="sink",
        name="responses",
        target="trackforge.io.responses:ResponseSink",
        config="trackforge.io.responses:ResponseSinkConfig",
        summary="Answers of SageMaker's built-in Object Detection, one file a picture.",
    ),
    ComponentSpec(
        kind="sink",
        name="seqlabel",
        target="trackforge.io.seqlabel:SeqLabelSink",
        config="trackforge.io.seqlabel:SeqLabelSinkConfig",
        summary="Ground Truth's SeqLabel.json, to be verified and adjusted in a labelling job.",
        suffixes=(".seqlabel.json",),
    ),
    ComponentSpec(
        kind="sink",
        name="window",
        target="trackforge.io.window:WindowSink",
        config="trackforge.io.window:WindowSinkConfig",
        summary="A window on the screen; q or Esc ends the run.",
        requires=IMAGES,
        install=NEEDS_VIDEO,
    ),
)
ANALYTICS = (
    ComponentSpec(
        kind="analytic",
        name="lines",
        target="trackforge.analytics.lines:Lines",
        config="trackforge.analytics.lines:LinesConfig",
        summary="Who crosses a line: in and out, by class and by minute.",
    ),
    ComponentSpec(
        kind="analytic",
        name="zones",
        target="trackforge.analytics.zones:Zones",
        config="trackforge.analytics.zones:ZonesConfig",
        summary="Who is in a zone, who comes and goes, and how long they stay.",
        source="Shimrat, Communications of the ACM 5, 1962 (points in polygons)",
    ),
    ComponentSpec(
        kind="analytic",
        name="trails",
        target="trackforge.analytics.trails:Trails",
        config="trackforge.analytics.trails:TrailsConfig",
        summary="Where tracks went, in pixels.",
    ),
    ComponentSpec(
        kind="analytic",
        name="heat",
        target="trackforge.analytics.heat:Heat",
        config="trackforge.analytics.heat:HeatConfig",
        summary="Where people are most: a heat map of seconds or of tracks.",
    ),
    ComponentSpec(
        kind="analytic",
        name="ground",
        target="trackforge.analytics.ground:Ground",
        config="trackforge.analytics.ground:GroundConfig",
        summary="Places, speeds and distances in metres, from four points on the ground.",
        source="Hartley and Zisserman, 2004 (homography); Kalman, 1960; Rauch, Tung and Striebel, AIAA Journal 3, 1965",
    ),
)


@hookimpl
def trackforge_components() -> Iterator[ComponentSpec]:
    """Offer the built-in detectors, motion models, tracker, sources, sinks, analytics and formats of data sets."""
    yield from DETECTORS
    yield from MOTION
    yield from SOURCES
    yield from SINKS
    yield from ANALYTICS
    yield from DATASETS
