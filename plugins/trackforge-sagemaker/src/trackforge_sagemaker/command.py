"""``trackforge-sagemaker train | serve | process``: what a SageMaker container runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from trackforge_sagemaker.first_process import carry_out

__all__ = ["main"]

COMMANDS = {
    "train": "trackforge_sagemaker.training",
    "serve": "trackforge_sagemaker.serving",
    "process": "trackforge_sagemaker.processing",
}
"""Packages whose ``main(argv)`` carries out each; imported when asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in COMMANDS:
        came = repr(words[0]) if words else "nothing"
        sys.stderr.write(f"The first word must be one of {', '.join(COMMANDS)}; got {came}.\n")
        return 2
    return carry_out(lambda: int(importlib.import_module(COMMANDS[words[0]]).main(words[1:])))
