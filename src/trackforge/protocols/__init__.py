"""The contracts between components: small enough to print on a card.

If its arguments alone decide the pairs, it is an `Associator`. If it must remember anything from frame to frame, it is
a `Tracker`. Nothing needs to inherit from these classes: any object with the right methods fits, and
`trackforge.testing` has a ``check_*`` function for each.
"""

from __future__ import annotations

from trackforge.protocols.detecting import Detector, Embedder, Remembering, Segmenter, StagedDetector
from trackforge.protocols.noting import Noting, notes_of
from trackforge.protocols.streaming import (
    Closable,
    Dropping,
    Ending,
    Lossy,
    Painting,
    Sink,
    Source,
    StreamAware,
    stream_of,
)
from trackforge.protocols.tracking import (
    Associator,
    CameraMotion,
    MotionModel,
    MotionState,
    MotionView,
    Tracker,
    WarpingMotionModel,
)
from trackforge.protocols.using import Analytic, Command, Drawing, Eventful, Exporter, Savable

__all__ = [
    "Analytic",
    "Associator",
    "CameraMotion",
    "Closable",
    "Command",
    "Detector",
    "Drawing",
    "Dropping",
    "Embedder",
    "Ending",
    "Eventful",
    "Exporter",
    "Lossy",
    "MotionModel",
    "MotionState",
    "MotionView",
    "Noting",
    "Painting",
    "Remembering",
    "Savable",
    "Segmenter",
    "Sink",
    "Source",
    "StagedDetector",
    "StreamAware",
    "Tracker",
    "WarpingMotionModel",
    "notes_of",
    "stream_of",
]
