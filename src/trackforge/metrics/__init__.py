"""Scores of tracks and detections: HOTA, CLEAR, identity, average precision.

>>> import trackforge
>>> report = trackforge.evaluate("MOT17/train", "results", preprocessing="mot17")    # doctest: +SKIP
>>> print(report.table())                                                            # doctest: +SKIP
"""

from trackforge.metrics.detection import DetectionReport, average_precision
from trackforge.metrics.evaluation import evaluate
from trackforge.metrics.joining import combine
from trackforge.metrics.preprocessing import PREPROCESSING
from trackforge.metrics.report import Report
from trackforge.metrics.scores import Scores

__all__ = ["PREPROCESSING", "DetectionReport", "Report", "Scores", "average_precision", "combine", "evaluate"]
