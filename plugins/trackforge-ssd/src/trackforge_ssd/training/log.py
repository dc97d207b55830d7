"""The lines that SageMaker's built-in Object Detection writes into its log, from which its metrics are read.

Source: logs of training jobs, as people have published them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping

from trackforge_ssd.training.config import OTHER_NAMES, TERMS

__all__ = ["algorithm_lines", "algorithm_log"]

FORMAT = "[%(asctime)s %(levelname)s %(thread)d] %(message)s"
DATE = "%m/%d/%Y %H:%M:%S"


def algorithm_lines(row: Mapping[str, float], *, steps: int, epochs: int, host: str = "algo-1") -> Iterator[str]:
    r"""Yield the lines of an epoch; of the start, which the algorithm does not score, none.

    Losses are means over the steps of the epoch. The algorithm divides the loss of boxes by the anchors that learn
    anything, here it is by the numbers that do: with three negatives a positive that is the same, but for rounding.

    Args:
        row: Losses and scores by name, with ``epoch`` counted from 1.
        steps: Of an epoch.
        epochs: In all.
        host: Name of the machine.

    >>> row = {"epoch": 1, "cross_entropy": 1.159, "smooth_l1": 0.54, "voc_ap11": 0.199}
    >>> print(*algorithm_lines(row, steps=1035, epochs=5), sep="\n")
    #quality_metric: host=algo-1, epoch=0, batch=1035 train cross_entropy <loss>=(1.159)
    #quality_metric: host=algo-1, epoch=0, batch=1035 train smooth_l1 <loss>=(0.54)
    #quality_metric: host=algo-1, epoch=0, validation mAP <score>=(0.199)
    #progress_metric: host=algo-1, completed 20.0 % of epochs
    """
    done = round(row["epoch"])
    if not done:
        return
    metric = f"#quality_metric: host={host}, epoch={done - 1}"
    for term in TERMS:
        yield f"{metric}, batch={steps} train {term} <loss>=({row[term]:.4g})"
    score = row.get(OTHER_NAMES["mAP"])
    if score is not None:
        yield f"{metric}, validation mAP <score>=({score:.4g})"
    yield f"#progress_metric: host={host}, completed {100 * done / epochs:.1f} % of epochs"


class _Stderr(logging.Handler):
    """Writes to what standard error is at the time: a progress bar takes its place for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")
        sys.stderr.flush()


def algorithm_log() -> logging.Logger:
    """Return a logger that writes to standard error as the algorithm does: ``[06/08/2021 00:23:45 INFO 1397] ...``.

    It does so whatever is set for other messages, since somebody asked for it.
    """
    logger = logging.getLogger(f"{__name__}.lines")
    if not logger.handlers:
        handler = _Stderr()
        handler.setFormatter(logging.Formatter(FORMAT, DATE))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    return logger
