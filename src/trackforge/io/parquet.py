"""Results as a Parquet table: one row a track and frame."""

from __future__ import annotations

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from trackforge.config import check, setting
from trackforge.errors import SinkError
from trackforge.io.atomic import PartialFile
from trackforge.io.masks import text_mask
from trackforge.types import Step, Stream

__all__ = ["MASK", "ParquetSink", "ParquetSinkConfig"]

log = logging.getLogger(__name__)
MASK = ("mask", "mask_height", "mask_width")
"""The columns of a mask: its counts as COCO's text, and the size of its picture; null for tracks without one."""


@dataclass(frozen=True, kw_only=True)
class ParquetSinkConfig:
    """Settings of `ParquetSink`."""

    path: Path = setting(help="File to write.")
    box: Literal["filtered", "detected"] = setting("filtered", help="The motion model's box, or the detector's own.")
    group: int = setting(65_536, help="Rows kept in memory, and written as one row group.", unit="rows", minimum=1)
    compression: Literal["zstd", "snappy", "gzip", "none"] = setting("zstd", help="Compression of the columns.")

    def __post_init__(self) -> None:
        check(self)


class ParquetSink:
    """Writes ``sequence, frame, timestamp, track_id, x1, y1, x2, y2, score, class_id``; ``frame`` counts from 0.

    The metadata of the table holds what is known about the stream under ``trackforge.stream``, as JSON: class names,
    rate, size. Where the first rows have masks, so does the table: ``mask`` (run lengths as COCO's text),
    ``mask_height`` and ``mask_width``.

    Raises:
        SinkError: The file cannot be written.
    """

    def __init__(self, config: ParquetSinkConfig) -> None:
        self.config = config
        self._partial: PartialFile | None = None
        self._writer: Any = None
        self._stream = Stream()
        self._parts: list[dict[str, Any]] = []
        self._rows = 0
        self._masked = False

    def __enter__(self) -> ParquetSink:
        self._partial, self._stream = PartialFile(self.config.path), Stream()
        self._parts, self._rows, self._writer = [], 0, None
        return self

    def open(self, stream: Stream, /) -> None:
        """Note what is known, and take the name of the sequence for frames that do not know it."""
        self._stream = stream

    def write(self, step: Step, /) -> None:
        """Take the visible tracks of one frame."""
        if self._partial is None:
            raise SinkError(f"{self.config.path} is not open; write inside 'with sink:'.")
        tracks = step.tracks.visible
        boxes = step.detections.xyxy[tracks.detection] if self.config.box == "detected" else tracks.xyxy
        n = len(tracks)
        masks = step.detections.mask
        clock = step.frame.timestamp
        self._parts.append(
            {
                "sequence": [step.frame.sequence or self._stream.name] * n,
                "frame": np.full(n, step.frame.index),
                "timestamp": np.full(n, np.nan if clock is None else clock),
                "track_id": tracks.track_id,
                "x1": boxes[:, 0],
                "y1": boxes[:, 1],
                "x2": boxes[:, 2],
                "y2": boxes[:, 3],
                "score": tracks.score,
                "class_id": tracks.class_id,
                "mask": [None] * n if masks is None else masks[tracks.detection].tolist(),
            }
        )
        self._rows += n
        if self._rows >= self.config.group:
            with self._partial.writing():
                self._flush()

    def _flush(self) -> None:
        """Write the rows in memory as one row group; the table begins with the first, when the stream is known."""
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]

        masks = [None if rle is None else text_mask(rle) for part in self._parts for rle in part.pop("mask")]
        there = any(rle is not None for rle in masks)
        if self._writer is None:
            self._masked = there
        elif there and not self._masked:
            log.warning("%s: masks came after rows without any, and are left out", self.config.path)
        schema = _schema(masked=self._masked)
        if self._writer is None:
            known = {"trackforge.stream": json.dumps(dataclasses.asdict(self._stream))}
            assert self._partial is not None  # noqa: S101 - only an open sink gets here
            self._writer = pa.parquet.ParquetWriter(
                self._partial.path, schema.with_metadata(known), compression=self.config.compression
            )
        if not self._rows:
            return
        columns = [
            pa.array([name for part in self._parts for name in part["sequence"]]).dictionary_encode(),
            *(
                pa.array(np.concatenate([part[field.name] for part in self._parts]), field.type, from_pandas=True)
                for field in list(schema)[1:]
                if field.name not in MASK
            ),
        ]
        if self._masked:
            columns.append(pa.array([rle and rle["counts"] for rle in masks], pa.string()))
            columns += [pa.array([rle and rle["size"][side] for rle in masks], pa.int32()) for side in (0, 1)]
        self._parts, self._rows = [], 0
        self._writer.write_table(pa.table(columns, schema=schema))

    def _close(self) -> None:
        self._flush()
        self._writer.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Make the file final, or leave it under its partial name after an error."""
        if self._partial is None:
            return
        try:
            self._partial.settle(kind, error, close=self._close)
        finally:
            self._partial = None


def _schema(*, masked: bool) -> Any:
    import pyarrow as pa

    box = [(name, pa.float32()) for name in ("x1", "y1", "x2", "y2")]
    return pa.schema(
        [
            ("sequence", pa.dictionary(pa.int32(), pa.string())),
            ("frame", pa.int64()),
            ("timestamp", pa.float64()),
            ("track_id", pa.int64()),
            *box,
            ("score", pa.float32()),
            ("class_id", pa.int64()),
            *zip(MASK if masked else (), (pa.string(), pa.int32(), pa.int32()), strict=False),
        ]
    )
