"""A server from what lies in the model folder and the environment, until it is told to stop."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from trackforge.errors import TrackforgeError
from trackforge.intake.showing import visible
from trackforge.serving import Engine, create_app, serve
from trackforge_sagemaker.answering.handler import Handler
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.serving.environment import configured
from trackforge_sagemaker.serving.invocations import Invocations
from trackforge_sagemaker.serving.stream import streams

__all__ = ["HELP", "run"]

HELP = """Usage: trackforge-sagemaker serve

Serves the model in /opt/ml/model (or below SAGEMAKER_BASE_DIR) on port 8080, or SAGEMAKER_BIND_TO_PORT.
Settings come from the model's trackforge.toml, then the environment: AWS's own variables, TRACKFORGE_SERVE_...,
TRACKFORGE_HOSTING_...
"""


def run(argv: Sequence[str]) -> int:
    """Serve until SIGTERM.

    Args:
        argv: Words after ``serve``; SageMaker gives none.

    Returns:
        The exit code: 0 after a stop, 1 where the model cannot be served, 2 where the words or the settings are wrong.
    """
    if argv:
        wanted = list(argv) in (["--help"], ["-h"])
        (sys.stdout if wanted else sys.stderr).write(HELP)
        return 0 if wanted else 2
    try:
        return _serve()
    except TrackforgeError as error:
        sys.stderr.write(f"error: {visible(str(error))}\n")
        return 2 if isinstance(error, ValueError) else 1


def _serve() -> int:
    plan, chosen = configured(OptMl().model, os.environ)
    if plan.run.films_dir is not None:
        plan.run.films_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="trackforge-", dir=plan.run.films_dir, ignore_cleanup_errors=True
    ) as folder:
        engine = Engine(plan)
        handler = Handler(engine, chosen, Path(folder))
        invocations = Invocations(handler)
        app = create_app(engine, routes=[*invocations.routes(), *streams(handler)], title="trackforge on SageMaker")
        try:
            return serve(plan.run, engine=engine, app=app)
        finally:
            invocations.close()
