"""The values that flow between components: columns, frozen, checked once.

Conventions, for the whole library:

* **Boxes** are ``xyxy`` float32 pixels of the original image, continuous: width is ``x2 - x1``, never ``+ 1``. They are
  not clipped to the image unless somebody asks for it.
* **Images** are RGB uint8 ``(H, W, 3)``, C-contiguous.
* **``frame.index``** is 0-based and strictly increasing within a sequence; gaps are allowed. Only `trackforge.io.mot`
  knows the 1-based numbers of MOTChallenge files.
* **Track ids** are int64 ``>= 1``, unique within a tracker since its ``reset()``, never used again.
* **A missing column is ``None``**; an unmatched row index is ``-1``.
* **Arrays are read-only** once they are inside one of these types; constructors convert and check on the way in.

`Detections` and `Tracks` are indexed like arrays: a mask, an array of indices, a slice or a single integer carries
every column along, ``extra`` included.
"""

from __future__ import annotations

from trackforge.types.frames import Frame, Stream
from trackforge.types.rows import Detections, Matches, Step, Tracks, TrackState

__all__ = ["Detections", "Frame", "Matches", "Step", "Stream", "TrackState", "Tracks"]
