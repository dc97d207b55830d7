"""Multi-object tracking, whole: label, train, tune, track, evaluate, deploy.

>>> import trackforge
>>> tracker = trackforge.tracker("byte", high_score=0.6)
>>> boxes = trackforge.Detections(xyxy=[[10, 10, 50, 90]], score=[0.9])
>>> tracks = tracker.update(boxes, trackforge.Frame(index=0, size=(640, 480)))
>>> tracks.visible.track_id.tolist()
[1]

Everything else hangs on the same few doors: `detector`, `tracker`, `source`, `sink`, `track` and `evaluate`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module it lives in; imported on first use (PEP 562), so that `import trackforge` stays light
_PUBLIC = {
    "Detections": "types",
    "Frame": "types",
    "Matches": "types",
    "OnlineTracker": "online",
    "Lifecycle": "online",
    "Report": "metrics",
    "Step": "types",
    "TrackState": "types",
    "TrackTable": "table",
    "Tracks": "types",
    "associator": "registry.doors",
    "detector": "registry.doors",
    "evaluate": "metrics",
    "motion_model": "registry.doors",
    "sink": "registry.doors",
    "source": "registry.doors",
    "track": "pipeline",
    "tracker": "registry.doors",
}

__all__ = [
    "Detections",
    "Frame",
    "Lifecycle",
    "Matches",
    "OnlineTracker",
    "Report",
    "Step",
    "TrackState",
    "TrackTable",
    "Tracks",
    "__version__",
    "associator",
    "detector",
    "evaluate",
    "motion_model",
    "sink",
    "source",
    "track",
    "tracker",
]

if TYPE_CHECKING:
    from trackforge.metrics import Report, evaluate
    from trackforge.online import Lifecycle, OnlineTracker
    from trackforge.pipeline import track
    from trackforge.registry.doors import associator, detector, motion_model, sink, source, tracker
    from trackforge.table import TrackTable
    from trackforge.types import Detections, Frame, Matches, Step, Tracks, TrackState


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'trackforge' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"trackforge.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
