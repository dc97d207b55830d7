"""``trackforge eval``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from trackforge.cli.printing import put

__all__ = ["evaluate"]


def evaluate(
    truth: Path,
    tracks: Path,
    /,
    *,
    preprocessing: str = "none",
    iou_threshold: Annotated[float, Parameter(validator=Number(gt=0, lte=1))] = 0.5,
    sequences: list[str] | None = None,
    truth_file: str = "gt/gt.txt",
    detections: Annotated[bool, Parameter(show_default=False)] = False,
    metrics: list[str] | None = None,
    as_json: Annotated[bool, Parameter(name=["--json"], show_default=False)] = False,
    csv: Path | None = None,
    plot: Path | None = None,
) -> int:
    """Score tracks against ground truth: HOTA, CLEAR, Identity.

    Parameters
    ----------
    truth
        MOT, KITTI or COCO file, a folder with SEQUENCE/gt/gt.txt or SEQUENCE.txt, or a data set with sequences in any
        format that is read (trackforge info dataset), or a list of sequences (seqmaps/MOT17-train.txt).
    tracks
        MOT or COCO file, or a folder or zip archive with SEQUENCE.txt.
    preprocessing
        What is left out, by benchmark: none, mot15, mot16, mot17, mot20.
    iou_threshold
        Least overlap of a match, for CLEAR and Identity.
    sequences
        Only these sequences: MOT17-02,MOT17-04.
    truth_file
        Where the truth lies in the folder of a sequence.
    detections
        Score detections instead, by average precision, class by class: files without ids, or SEQUENCE/det/det.txt.
    metrics
        Columns to show, by the names of the official evaluator: HOTA,MOTA,IDF1,HOTA_TP.
    as_json
        Print everything as JSON; ratios are fractions of 1.
    csv
        File for one line a sequence.
    plot
        File for a figure of HOTA over its thresholds: .png, .svg or .pdf.
    """
    from trackforge.cli.flags import split
    from trackforge.data.archives import content
    from trackforge.data.formats import opened
    from trackforge.data.truth import truth_tables
    from trackforge.errors import ConfigError
    from trackforge.figures import check_ending
    from trackforge.io.targets import check_writable, keep_apart
    from trackforge.metrics import average_precision
    from trackforge.metrics import evaluate as score
    from trackforge.metrics.naming import check_names
    from trackforge.metrics.scores import DEFAULT_COLUMNS

    check_names(split(metrics), "--metrics")
    if plot is not None:
        check_ending(plot)
    check_writable(one for one in (csv, plot) if one is not None)
    truth, tracks = opened(truth), content(tracks)
    tables = truth_tables(truth, regions=detections)
    given = truth if tables is None else tables
    if detections:
        if csv is not None or plot is not None or metrics is not None:
            raise ConfigError("--csv, --plot and --metrics are for tracks. Leave them out, or leave out --detections.")
        precision = average_precision(
            given,
            tracks,
            preprocessing=preprocessing,  # type: ignore[arg-type]
            sequences=split(sequences) or None,
            truth_file=truth_file,
        )
        put((json.dumps(precision.to_dict(), indent=2) if as_json else precision.table()) + "\n")
        return 0
    keep_apart([one for one in (csv, plot) if one is not None], [truth, tracks])
    report = score(
        given,
        tracks,
        preprocessing=preprocessing,  # type: ignore[arg-type]
        iou_threshold=iou_threshold,
        sequences=split(sequences) or None,
        truth_file=truth_file,
    )
    text = json.dumps(report.to_dict(), indent=2) if as_json else report.table(split(metrics) or DEFAULT_COLUMNS)
    if csv is not None:
        report.to_csv(csv)
    if plot is not None:
        report.plot(plot)
    put(text + "\n")
    return 0
