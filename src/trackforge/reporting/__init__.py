"""A run to look at: one HTML file with its film, its ids over time, its speeds, its scores and their worst moments.

>>> from trackforge import reporting
>>> reporting.report("out/", against="other/", truth=("gt.txt",))    # doctest: +SKIP
"""

from trackforge.reporting.run import ReportRun
from trackforge.reporting.writing import Written, report

__all__ = ["ReportRun", "Written", "report"]
