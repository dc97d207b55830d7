"""``trackforge-sagemaker serve``: a container that hosts a model, as SageMaker's endpoints want it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM; return the exit code."""
    from trackforge_sagemaker.serving.running import run  # the server's packages are not for those who train

    return run(argv)
