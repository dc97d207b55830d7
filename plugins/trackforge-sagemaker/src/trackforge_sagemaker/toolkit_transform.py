"""The same as `toolkit`, in the other form that AWS's serving toolkits know; a module may have one of them only.

``code/inference.py`` reads::

    from trackforge_sagemaker.toolkit_transform import model_fn, transform_fn
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trackforge_sagemaker.answering.handler import Handler
from trackforge_sagemaker.toolkit import answered, input_fn, model_fn

__all__ = ["model_fn", "transform_fn"]


def transform_fn(
    model: Handler, body: bytes | bytearray | str, content_type: str | None, accept: str | None, context: Any = None
) -> tuple[bytes, str]:
    """Answer a request, and return the body and its type; raises as `toolkit.output_fn` does."""
    return answered(model, replace(input_fn(body, content_type, context), accept=accept), context)
