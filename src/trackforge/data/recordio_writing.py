"""Writing RecordIO as MXNet's ``tools/im2rec.py`` does: a ``.rec``, ``.idx`` and ``.lst`` for each part of a set.

Pictures go in as they are, so that nothing is lost and a training sees the same pixels as from the folder; what asks
for a size, a quality or another encoding has them decoded and encoded anew, as ``im2rec`` does without
``--pass-through``. Of its other options ``--list``, ``--pack-label`` and ``--recursive`` are what always happens,
``--train-ratio`` is a set's own division; ``--chunks``, ``--center-crop`` and ``--color`` there are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from trackforge.data.files import PicturePlacer, file_names, require_sizes, stems, write_names, write_text
from trackforge.data.model import Dataset
from trackforge.data.recordio import ALL
from trackforge.errors import ConfigError, DataError
from trackforge.io.image_records import DetectionLabel, ImageRecord, encode_image_record, list_line
from trackforge.io.pictures import decode_picture, opencv
from trackforge.io.recordio import RecordWriter, write_index

__all__ = ["empty_notes", "write_recordio"]

QUALITY = 95
"""Of JPEG, as ``im2rec`` has it."""
COMPRESSION = 3
"""Of PNG."""
LABEL_WIDTH = 350
"""The numbers of a label that SageMaker's algorithm has room for unless its ``label_width`` says otherwise."""


def write_recordio(
    dataset: Dataset,
    target: Path,
    *,
    images: Literal["copy"] = "copy",
    resize: int | None = None,
    quality: int | None = None,
    encoding: Literal["keep", "jpg", "png"] = "keep",
    shuffle: bool = False,
    seed: int = 0,
) -> list[str]:
    """Write ``<split>.rec``, ``.idx``, ``.lst`` and ``classes.txt`` into a folder; return what is worth knowing.

    Args:
        dataset: What to write.
        target: The folder.
        images: ``"copy"``: pictures are in the file.
        resize: Scale every picture, so that its shorter side has so many pixels.
        quality: Of JPEG, 1..100; encodes anew. 95 unless given, where a picture is encoded.
        encoding: Encode pictures anew as this.
        shuffle: Write the records in random order; the numbers in index and list stay those of the set.
        seed: Of the order.

    Raises:
        ConfigError: An option is out of range.
        DataError: A picture is missing, is none or lies elsewhere, or its size is unknown.
    """
    if images != "copy":
        raise ConfigError(f"A file of records holds its pictures; images must be 'copy', got {images!r}. Leave it out.")
    if target.suffix.lower() in (".rec", ".lst", ".idx") and not target.is_dir():
        raise ConfigError("RecordIO is written to a folder, which gets a .rec, .idx and .lst a part. Name a folder.")
    encoder = _Encoder(resize, quality, encoding)
    require_sizes(dataset, "Labels in records are shares of the picture")
    placer, names, rng = PicturePlacer(dataset, "copy"), stems(dataset), np.random.default_rng(seed)
    splits = dict.fromkeys(dataset.images.split.tolist())
    files = file_names([split or ALL for split in splits], "A split", dataset)
    target.mkdir(parents=True, exist_ok=True)
    difficult = bool(dataset.boxes.ignore.any())
    longest = 0
    for split in splits:
        rows = np.flatnonzero(dataset.images.split == split)
        order = rng.permutation(len(rows)) if shuffle else np.arange(len(rows))
        base = target / files[split or ALL]
        lines, places = [], dict[int, int]()
        with base.with_name(f"{base.name}.rec").open("wb") as out:
            writer = RecordWriter(out)
            for number in order.tolist():
                row = int(rows[number])
                label = _label(dataset, row, difficult=difficult)
                values = label.values()
                longest = max(longest, len(values))
                content, ending = encoder.encoded(*placer.content(row), dataset.image_path(row))
                places[number] = writer.write(encode_image_record(ImageRecord(values, number, content)))
                lines.append(list_line(number, label, f"{names[row]}{ending}"))
        write_text(base.with_name(f"{base.name}.lst"), lines)
        write_text(base.with_name(f"{base.name}.idx"), write_index(places).splitlines())
    write_names(target / "classes.txt", dataset.classes)
    return placer.notes() + _notes(dataset, longest, difficult=difficult)


def _label(dataset: Dataset, row: int, *, difficult: bool) -> DetectionLabel:
    boxes = dataset.labels(row)
    size = np.array([dataset.images.width[row], dataset.images.height[row]] * 2, np.float64)
    columns: list[Any] = [boxes.class_id[:, None], boxes.xyxy / np.maximum(size, 1)]
    if difficult:
        columns.append(boxes.ignore[:, None])
    return DetectionLabel(np.concatenate(columns, axis=1).astype(np.float32))


def _notes(dataset: Dataset, longest: int, *, difficult: bool) -> list[str]:
    notes = empty_notes(dataset)
    if difficult:
        notes.append(
            "objects have a sixth number, 1 for what is not to be judged (difficult), as MXNet's sets of VOC have"
        )
    if longest > LABEL_WIDTH:
        notes.append(f"the longest label has {longest} numbers: SageMaker's label_width must be {longest} or more")
    return notes


def empty_notes(dataset: Dataset) -> list[str]:
    """Say that pictures have no box, which not everybody can read."""
    empty = int((dataset.counts == 0).sum())
    if not empty:
        return []
    return [f"{empty} pictures have no box; trackforge reads them, MXNet's own iterator for detection stops at them"]


class _Encoder:
    """Encodes pictures anew where that is asked for."""

    def __init__(self, resize: int | None, quality: int | None, encoding: str) -> None:
        if resize is not None and not 1 <= resize <= 65535:
            raise ConfigError(f"resize must be the pixels of the shorter side, 1..65535; got {resize}.")
        if quality is not None and not 1 <= quality <= 100:
            raise ConfigError(f"quality must be that of JPEG, 1..100; got {quality}.")
        if encoding not in ("keep", "jpg", "png"):
            raise ConfigError(f"encoding must be 'keep', 'jpg' or 'png'; got {encoding!r}.")
        if quality is not None and encoding == "png":
            raise ConfigError("PNG has no quality; leave quality out, or encode as jpg.")
        self._resize, self._quality, self._encoding = resize, quality, encoding
        self._idle = resize is None and quality is None and encoding == "keep"

    def encoded(self, content: bytes, ending: str, path: Path | None) -> tuple[bytes, str]:
        """Return a picture as it goes into the record, and its ending."""
        if self._idle:
            return content, ending
        cv2 = opencv()
        image: Any = decode_picture(content, path or "")
        if self._resize is not None:
            height, width = image.shape[:2]
            short, side = min(height, width), self._resize
            image = cv2.resize(image, (max(1, width * side // short), max(1, height * side // short)))
        kind = self._encoding
        if kind == "keep":  # a quality is JPEG's
            kind = "png" if ending.lower() == ".png" and self._quality is None else "jpg"
        jpeg = [cv2.IMWRITE_JPEG_QUALITY, QUALITY if self._quality is None else self._quality]
        settings = jpeg if kind == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, COMPRESSION]
        done, data = cv2.imencode(f".{kind}", image[:, :, ::-1], settings)
        if not done:
            raise DataError(f"The picture could not be encoded as {kind}.", path=path)
        return data.tobytes(), f".{kind}"
