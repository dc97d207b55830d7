"""One evaluation in a process of its own; called by `benchmarks.speed.evaluation`."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def ours(folder: Path) -> tuple[float, dict[str, float]]:
    """Evaluate with trackforge."""
    import trackforge
    from trackforge.metrics.solver import solver

    solver()  # imports it
    evaluate = trackforge.evaluate
    start = time.perf_counter()
    report = evaluate(folder / "gt", folder / "tracks" / "ours", preprocessing="mot17")
    seconds = time.perf_counter() - start
    return seconds, {name: float(report.combined[name]) for name in ("HOTA", "MOTA", "IDF1", "IDSW")}


def trackeval(folder: Path) -> tuple[float, dict[str, float]]:
    """Evaluate with TrackEval's own evaluator, printing and plotting nothing."""
    import trackeval

    quiet = {"PRINT_CONFIG": False}
    families = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)]
    settings: dict[str, Any] = {
        "PRINT_RESULTS": False,
        "PRINT_CONFIG": False,
        "TIME_PROGRESS": False,
        "OUTPUT_SUMMARY": False,
        "OUTPUT_DETAILED": False,
        "PLOT_CURVES": False,
        "OUTPUT_EMPTY_CLASSES": False,
        "LOG_ON_ERROR": None,
    }
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(folder / "gt"),
                "TRACKERS_FOLDER": str(folder / "tracks"),
                "SKIP_SPLIT_FOL": True,
                "SEQ_INFO": {path.name: None for path in sorted((folder / "gt").iterdir())},
                "PRINT_CONFIG": False,
            }
        )
        found = trackeval.Evaluator(settings).evaluate([dataset], families)[0]
    seconds = time.perf_counter() - start
    scores = found["MotChallenge2DBox"]["ours"]["COMBINED_SEQ"]["pedestrian"]
    return seconds, {
        "HOTA": float(scores["HOTA"]["HOTA"].mean()),
        "MOTA": float(scores["CLEAR"]["MOTA"]),
        "IDF1": float(scores["Identity"]["IDF1"]),
        "IDSW": float(scores["CLEAR"]["IDSW"]),
    }


def main() -> None:
    """Print one JSON object."""
    tool, folder = sys.argv[1], Path(sys.argv[2])
    if tool == "trackforge without SciPy":
        sys.modules["scipy"] = None  # type: ignore[assignment] # as if it were not installed
    seconds, scores = trackeval(folder) if tool == "TrackEval" else ours(folder)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory_mb": memory, **scores}))


if __name__ == "__main__":
    main()
