"""How a container is set up: the model folder, then AWS's variables, then ours; later ones win.

============================================== =====================================================================
variable                                       what it sets
============================================== =====================================================================
``SAGEMAKER_BIND_TO_PORT``                     the port; 8080 without it
``TS_MAX_REQUEST_SIZE``, ``MMS_MAX_...``       bytes of a body
``SAGEMAKER_MAX_PAYLOAD_IN_MB``                the same, in MiB
``TS_MAX_RESPONSE_SIZE``, ``MMS_MAX_...``      bytes of an answer
``TS_DEFAULT_RESPONSE_TIMEOUT``                seconds that a film may take (``SAGEMAKER_TS_RESPONSE_TIMEOUT``, and
                                               ``SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS``, too)
``SAGEMAKER_MODEL_SERVER_TIMEOUT``             the same in minutes, as MMS has it; ``MMS_DEFAULT_RESPONSE_TIMEOUT``, too
``SAGEMAKER_ENABLE_STATEFUL_SESSIONS``         whether sessions may be opened; they may without it
``SAGEMAKER_SESSIONS_EXPIRATION``              seconds that a session lives unused
``SAGEMAKER_SESSIONS_PATH``                    folder for what does not stay in memory: films and their results
``INPUT_HEIGHT``, ``INPUT_WIDTH``              the ByteTrack example's: input of the network, and the letter-box
``FRAME_INTERVAL``                             the ByteTrack example's: every n-th frame of a film
``TRACKFORGE_SERVE_...``                       any setting of `trackforge.serving.ServingRun`
``TRACKFORGE_HOSTING_...``                     any setting of `trackforge_sagemaker.answering.hosting.Hosting`
============================================== =====================================================================

Users mix up the variables of TorchServe and of MMS; so both are read, and of several the largest counts: whoever sets
one wants more than there was.

Source: sagemaker-inference 1.10 and sagemaker-pytorch-inference 2.0 (Apache-2.0) for names and units;
model-hosting-container-standards (Apache-2.0) for sessions; the ByteTrack example of AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trackforge.errors import ConfigError
from trackforge.intake.showing import visible
from trackforge.runs.layers import Layer, from_environment, from_mapping, options
from trackforge.serving import ServingPlan, ServingRun, plan_serving
from trackforge_sagemaker.answering.hosting import Hosting
from trackforge_sagemaker.model_dir import find

__all__ = ["configured"]

MIB = 2**20
_REQUEST: Mapping[str, int] = {
    "TS_MAX_REQUEST_SIZE": 1,
    "MMS_MAX_REQUEST_SIZE": 1,
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": MIB,
}
_RESPONSE: Mapping[str, int] = {"TS_MAX_RESPONSE_SIZE": 1, "MMS_MAX_RESPONSE_SIZE": 1}
_TIMES: Mapping[str, int] = {
    "TS_DEFAULT_RESPONSE_TIMEOUT": 1,
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": 1,
    "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": 1,
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": 60,
    "MMS_DEFAULT_RESPONSE_TIMEOUT": 60,
}
_IN_MEMORY = 100 * MIB
"""Bytes of a picture or JSON that are kept in memory at most, whatever the limit: SageMaker sends no more itself."""
_FRAME_TIME = 60.0
"""Seconds after which SageMaker itself waits no longer for an answer in real time."""
_LONGEST = 15


def configured(model: Path, environment: Mapping[str, str]) -> tuple[ServingPlan, Hosting]:
    """Return what is served, and how requests are answered.

    Args:
        model: The model folder. Its ``trackforge.toml`` may have a table ``[hosting]`` beside the others.
        environment: Variables by name.

    Raises:
        ConfigError: A setting is unknown or wrong; the message names the variable or file.
        TrackforgeError: The folder holds no model.
    """
    found = find(model)
    table = found.pop("hosting", {})
    said: dict[str, Any] = {"host": "0.0.0.0", "port": 8080, "allow_cameras": False, "log_format": "json"}  # noqa: S104
    plan = plan_serving(
        from_mapping(said, ServingRun, ""),
        from_mapping(found, ServingRun, str(model)),
        from_mapping(_platform(environment), ServingRun, "the environment"),
        *from_environment(ServingRun, "serve", environment),
    )
    return plan, _hosting(from_mapping(table, Hosting, f"{model}: hosting"), environment)


def _hosting(own: Layer, environment: Mapping[str, str]) -> Hosting:
    said: dict[str, Any] = {}
    answer, time, stride = (
        _largest(environment, _RESPONSE),
        _largest(environment, _TIMES),
        environment.get("FRAME_INTERVAL"),
    )
    if answer is not None:
        said["max_answer"] = answer
    if time is not None:
        said |= {"film_time": float(time), "frame_time": min(_FRAME_TIME, float(time))}
    if stride:
        said["stride"] = _whole("FRAME_INTERVAL", stride)
    size = _input(environment)
    if size is not None:
        said["letterbox"] = size
    stateful = environment.get("SAGEMAKER_ENABLE_STATEFUL_SESSIONS", "").strip().lower()
    if stateful:
        if stateful not in ("true", "false", "1", "0"):
            raise ConfigError(
                f"SAGEMAKER_ENABLE_STATEFUL_SESSIONS must be true or false; got {visible(stateful[:40], keep='')!r}."
            )
        said["stateful"] = stateful in ("true", "1")
    platform = from_mapping(said, Hosting, "the environment")
    return options(Hosting, [own, platform, *from_environment(Hosting, "hosting", environment)])


def _platform(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what AWS's variables, and the example's, set of the server."""
    said: dict[str, Any] = {}
    port, ttl = environment.get("SAGEMAKER_BIND_TO_PORT"), environment.get("SAGEMAKER_SESSIONS_EXPIRATION")
    if port:
        said["port"] = _whole("SAGEMAKER_BIND_TO_PORT", port)
    if ttl:
        said["session_ttl"] = float(_whole("SAGEMAKER_SESSIONS_EXPIRATION", ttl))
    if environment.get("SAGEMAKER_SESSIONS_PATH"):
        said["films_dir"] = Path(environment["SAGEMAKER_SESSIONS_PATH"])
    largest = _largest(environment, _REQUEST)
    if largest is not None:
        said |= {"max_film": largest, "max_body": min(largest, _IN_MEMORY)}
    size = _input(environment)
    if size is not None:
        said["imgsz"] = size
    return said


def _largest(environment: Mapping[str, str], variables: Mapping[str, int]) -> int | None:
    """Return the largest of what some variables say, in the unit of those that count 1."""
    given = [_whole(name, environment[name]) * unit for name, unit in variables.items() if environment.get(name)]
    return max(given, default=None)


def _input(environment: Mapping[str, str]) -> tuple[int, int] | None:
    """Return height and width of the network's input, as the example's variables say them.

    Raises:
        ConfigError: One is there without the other.
    """
    names = ("INPUT_HEIGHT", "INPUT_WIDTH")
    given = [environment.get(name) for name in names]
    if not any(given):
        return None
    if not all(given):
        raise ConfigError(f"{names[0]} and {names[1]} must be set together; only one is. Set both, or neither.")
    height, width = (_whole(name, str(value)) for name, value in zip(names, given, strict=True))
    return height, width


def _whole(name: str, text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < _LONGEST and int(digits) > 0):
        raise ConfigError(f"{name} must be a whole number above 0; got {visible(text[:40], keep='')!r}.")
    return int(digits)
