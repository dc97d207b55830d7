"""Multi-object tracking, whole: label, train, tune, track, evaluate, deploy.

>>> import trackforge
>>> tracker = trackforge.tracker("byte", high_score=0.6)
>>> boxes = trackforge.Detections(xyxy=[[10, 10, 50, 90]], score=[0.9])
>>> tracks = tracker.update(boxes, trackforge.Frame(index=0, size=(640, 480)))
>>> tracks.visible.track_id.tolist()
[1]

Everything else hangs on the same few doors: `detector`, `tracker`, `source`, `sink`, `track` and `evaluate`. What is
public here is listed in ``__init__.pyi``; a name is imported on first use, so that ``import trackforge`` stays light.
"""

from trackforge._lazy import names_of

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = names_of(__name__, __file__)
__all__ = sorted([*__all__, "__version__"])
