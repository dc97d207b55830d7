"""A server from what lies in the model folder and the environment, until it is told to stop."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from trackforge.errors import TrackforgeError
from trackforge.serving import Engine, create_app, serve
from trackforge_sagemaker.answering.handler import Handler
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.serving.environment import hosting, server_layers
from trackforge_sagemaker.serving.invocations import Invocations
from trackforge_sagemaker.serving.stream import Stream

__all__ = ["run"]

log = logging.getLogger(__name__)
HELP = """Usage: trackforge-sagemaker serve

Serves the model in /opt/ml/model (or below SAGEMAKER_BASE_DIR) on port 8080, or SAGEMAKER_BIND_TO_PORT.
Settings come from the environment: TRACKFORGE_SERVE_..., TRACKFORGE_HOSTING_..., and AWS's own variables.
"""
