"""The three scales at which YOLOX looks."""

from __future__ import annotations

__all__ = ["STRIDES"]

STRIDES = (8, 16, 32)
"""Input pixels a cell, for each of the three maps."""
