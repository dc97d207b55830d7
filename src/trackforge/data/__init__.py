"""Labelled data sets: read, check, look at, divide, mix, convert, and load for training.

>>> from trackforge import data
>>> people = data.read("MOT17", split="train")                      # doctest: +SKIP
>>> train, val = data.half_split(people)                            # doctest: +SKIP
>>> data.write(val, "mot17/annotations/val_half.json")              # doctest: +SKIP
>>> samples = data.Samples(train)                                   # doctest: +SKIP
>>> samples[0].image.shape, samples[0].boxes.xyxy                   # doctest: +SKIP

`Dataset` is the set in memory, columns of `Images` and `Boxes`. Boxes are float64 ``xyxy`` pixels here and class ids
count from 0, whatever the file did.
"""

from __future__ import annotations

from trackforge.data.checking import CheckReport, Summary, check, summarise
from trackforge.data.clip_records import Clip
from trackforge.data.clips import ClipReport, cut_clips
from trackforge.data.columns import Boxes, Images
from trackforge.data.consolidating import consolidate
from trackforge.data.conversion import ConversionReport, convert, prepare
from trackforge.data.dialects.ground_truth_job import LabellingJob, write_job
from trackforge.data.drives import cut_drive
from trackforge.data.formats import Format, format_named, formats, losses, read, sniff
from trackforge.data.grid import draw, show
from trackforge.data.mixing import concatenate
from trackforge.data.model import Dataset
from trackforge.data.problems import Problem
from trackforge.data.samples import Sample, Samples, sample_order, sample_rng
from trackforge.data.splits import half_split, random_split, sequence_split
from trackforge.data.tables import from_tables, to_tables
from trackforge.data.unlabelled import unlabelled
from trackforge.data.writing import write

__all__ = [
    "Boxes",
    "CheckReport",
    "Clip",
    "ClipReport",
    "ConversionReport",
    "Dataset",
    "Format",
    "Images",
    "LabellingJob",
    "Problem",
    "Sample",
    "Samples",
    "Summary",
    "check",
    "concatenate",
    "consolidate",
    "convert",
    "cut_clips",
    "cut_drive",
    "draw",
    "format_named",
    "formats",
    "from_tables",
    "half_split",
    "losses",
    "prepare",
    "random_split",
    "read",
    "sample_order",
    "sample_rng",
    "sequence_split",
    "show",
    "sniff",
    "summarise",
    "to_tables",
    "unlabelled",
    "write",
    "write_job",
]
