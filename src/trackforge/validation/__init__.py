"""A detector on a labelled set: average precision, curves, confusion, mistakes, and the pictures where it is worst.

>>> import trackforge
>>> report = trackforge.validate("coco128", "yolox")                         # doctest: +SKIP
>>> print(report.table())                                                    # doctest: +SKIP
>>> report.to_html("val.html")                                               # doctest: +SKIP
"""

from trackforge.validation.report import ValidationReport
from trackforge.validation.validating import validate

__all__ = ["ValidationReport", "validate"]
