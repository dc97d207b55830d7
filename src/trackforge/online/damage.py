"""What every table of tracks keeps to, looked at where a saved one is loaded."""

from __future__ import annotations

import numpy as np

from trackforge.online.columns import Columns
from trackforge.online.state import must
from trackforge.types import TrackState

__all__ = ["check_table"]


def check_table(table: Columns, next_id: int, now: float) -> None:
    """Refuse a table that no run could have left.

    Args:
        table: The columns, of the right types and lengths.
        next_id: Of the next track.
        now: Time of the clock.

    Raises:
        StateError: Something in it cannot be.
    """
    ids = table["track_id"]
    must("ids must be >= 1 and below the next one", bool((ids >= 1).all() and (ids < next_id).all()))
    must("ids must differ", len(np.unique(ids)) == len(ids))
    must("states must be those of TrackState", bool(np.isin(table["state"], list(TrackState)).all()))
    must("hits must be >= 0", bool((table["hits"] >= 0).all()))
    must("detections must be rows, or -1", bool((table["detection"] >= -1).all()))
    must("scores must be finite", bool(np.isfinite(table["score"]).all()))
    for name in ("born", "seen"):  # False for NaN, too
        past = (table[name] >= 0) & (table[name] <= now)
        must(f"times {name!r} must lie between the first frame and the last", bool(past.all()))
