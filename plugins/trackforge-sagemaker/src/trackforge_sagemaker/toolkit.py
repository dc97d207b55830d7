"""The functions that AWS's serving toolkits call, for images with multi-model-server or TorchServe.

``code/inference.py`` of a model needs one line, and the answers are those of ``trackforge-sagemaker serve``, sessions,
films and refusals included::

    from trackforge_sagemaker.toolkit import input_fn, model_fn, output_fn, predict_fn

What it shall serve is found in the model folder and the environment (`trackforge_sagemaker.serving.environment`).
Sessions live in one process: set ``SAGEMAKER_MODEL_SERVER_WORKERS=1``. Toolkits hold whole bodies and answers in
memory; long films are better sent to our own server. The form of an answer depends on ``Accept``, which the toolkits
tell `output_fn` only: so it is there that the work is done.

Source: sagemaker-inference 1.10 (Apache-2.0): names, arguments and what ``context`` has.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from trackforge.errors import TrackforgeError
from trackforge.serving import Engine
from trackforge.serving.http.problems import MEDIA_TYPE, problem
from trackforge_sagemaker.answering.handler import Handler
from trackforge_sagemaker.answering.values import Request
from trackforge_sagemaker.serving.environment import configured

__all__ = ["Prediction", "answered", "input_fn", "model_fn", "output_fn", "predict_fn"]


@dataclass(frozen=True)
class Prediction:
    """What is to be answered, and by whom."""

    request: Request
    handler: Handler


def model_fn(model_dir: str, context: Any = None) -> Handler:  # noqa: ARG001 - the toolkits count arguments
    """Load the model of a folder.

    Raises:
        TrackforgeError: There is none, or it cannot be loaded.
    """
    plan, chosen = configured(Path(model_dir), os.environ)
    engine = Engine(plan)
    engine.load()
    folder = Path(tempfile.mkdtemp(prefix="trackforge-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Handler(engine, chosen, folder)


def input_fn(body: bytes | bytearray | str, content_type: str | None, context: Any = None) -> Request:
    """Take a request; text comes decoded from the toolkits."""
    data = body.encode() if isinstance(body, str) else bytes(body)
    return Request(body=data, content_type=content_type, headers=_headers(context))


def predict_fn(data: Request, model: Handler, context: Any = None) -> Prediction:  # noqa: ARG001
    """Bring request and model together."""
    return Prediction(data, model)


def output_fn(prediction: Prediction, accept: str | None, context: Any = None) -> tuple[bytes, str]:
    """Answer a request, and return the body and its type.

    What is refused is told by the status and a problem (RFC 9457), where the toolkit lets set a status.

    Raises:
        TrackforgeError: The request is refused, and there is no ``context`` to say so.
    """
    return answered(prediction.handler, replace(prediction.request, accept=accept), context)


def answered(handler: Handler, request: Request, context: Any) -> tuple[bytes, str]:
    """Answer a request, and return the body and its type; raises as `output_fn` does."""
    try:
        given = handler.answer(request)
    except TrackforgeError as error:
        if context is None:
            raise
        said = problem(error)
        status = int(said["status"])
        context.set_response_status(code=status, phrase=HTTPStatus(status).phrase)
        return json.dumps(said).encode(), MEDIA_TYPE
    for name, value in given.headers.items():
        if context is not None:
            context.set_response_header(0, name, value)
    if isinstance(given.body, bytes):
        return given.body, given.media_type
    try:
        return given.body.read_bytes(), given.media_type
    finally:
        given.body.unlink()


def _headers(context: Any) -> Mapping[str, str]:
    """Return the headers of a request; those of its parts are tables, and none."""
    if context is None:
        return {}
    return {name.lower(): value for name, value in context.get_all_request_header(0).items() if isinstance(value, str)}
