"""Networks on ONNX Runtime."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.errors import ConfigError, DataError, DeviceError, MissingDependencyError, WeightsError
from trackforge.intake.limits import check_limit
from trackforge.intake.showing import visible
from trackforge.models.card import ModelCard
from trackforge.models.planes import Batch, HostPlanes
from trackforge.registry.bundles import KEY

__all__ = ["OnnxBackend", "OnnxNetwork"]

log = logging.getLogger(__name__)
Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Rows = Floats | tuple[Floats, ...]
"""Outputs for one picture: an array where the network has one output, else one for each."""


class OnnxNetwork:
    """An ``.onnx`` file, opened: one input of pictures, one or more outputs of as many rows.

    Args:
        path: The file.
        device: ``"auto"`` (the CPU), ``"cpu"`` or ``"cuda:N"``.
        threads: Threads for one picture; 0 lets ONNX Runtime decide.
        install: What to install where ONNX Runtime is not there.

    Attributes:
        inputs: Shape of each input; sizes that are free are names.
        outputs: Shape of each output.
        input_names: Name of each input.
        input_types: Type of each, such as ``"tensor(float)"``.
        output_names: Name of each output.
        metadata: What the file says in its own words, by key.
        card: What the file says about itself, or None.

    Raises:
        WeightsError: It is no ONNX file, or its input is larger than the limits allow (`trackforge.intake.limits`).
        DeviceError: CUDA was asked for, but this ONNX Runtime does not offer it.
        MissingDependencyError: ONNX Runtime is not installed.
    """

    def __init__(self, path: Path, *, device: str = "cpu", threads: int = 0, install: str = "onnxruntime") -> None:
        self.path = path
        self._session = _session(path, "cpu" if device == "auto" else device, threads, install)
        inputs = self._session.get_inputs()
        shapes = ", ".join(str(i.shape) for i in inputs)
        log.info("%s runs on %s, input %s", visible(path.name), self._session.get_providers()[0], visible(shapes))
        self.inputs: list[list[int | str | None]] = [i.shape for i in inputs]
        for shape in self.inputs:
            _check_size(path, shape)
        self.outputs: list[list[int | str | None]] = [o.shape for o in self._session.get_outputs()]
        if not inputs:
            raise WeightsError(f"{path} must take pictures; it has no input. It is no detector's file: take another.")
        self.input_names: list[str] = [i.name for i in inputs]
        self.input_types: list[str] = [i.type for i in inputs]
        self.output_names: list[str] = [o.name for o in self._session.get_outputs()]
        try:
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError as error:
            raise WeightsError(f"{path} must describe itself in UTF-8; it does not. Export it anew.") from error
        text = self.metadata.get(KEY)
        self.card = None if text is None else ModelCard.from_json(text)

    @property
    def takes_pictures(self) -> bool:
        """Whether it has one input, of shape ``(B, 3, H, W)``."""
        return len(self.inputs) == 1 and len(self.inputs[0]) == 4 and self.inputs[0][1] == 3

    def fixed_size(self, wanted: tuple[int, int] | None) -> tuple[int, int] | None:
        """Return the ``(height, width)`` that the file was exported for; where it is free, the one wanted.

        Raises:
            ConfigError: It is fixed, and another is wanted.
        """
        height, width = self.inputs[0][2:]
        if not (isinstance(height, int) and isinstance(width, int)):
            return wanted
        if wanted is not None and tuple(wanted) != (height, width):
            raise ConfigError(
                f"size must be {height},{width}, which {self.path.name} was exported for; got {wanted}. Leave size "
                "out, or export the checkpoint with free height and width."
            )
        return height, width

    def call(self, feeds: Mapping[str, Any]) -> list[Any]:
        """Return every output as it comes, for inputs by name.

        Raises:
            WeightsError: It cannot be run on these.
        """
        try:
            outputs: list[Any] = self._session.run(None, feeds)
        except Exception as error:  # ONNX Runtime's exceptions have no public base class
            shapes = ", ".join(str(np.shape(value)) for value in feeds.values())
            raise WeightsError(
                f"{self.path} must run on an input of {shapes}; it does not: {_first_line(error)}. Export it anew, or "
                "take another file."
            ) from error
        return outputs

    def parts(self, data: npt.NDArray[Any], most: int | None = None) -> Iterator[tuple[npt.NDArray[Any], int]]:
        """Yield pictures in parts of the number that the file takes, and how many of each are real.

        Args:
            data: ``(B, ...)``.
            most: Pictures in a part where the file takes any number; all if left out.
        """
        size = self.inputs[0][0]
        fixed = isinstance(size, int)
        step = size if isinstance(size, int) else most or len(data)
        for start in range(0, len(data), step):
            part = data[start : start + step]
            missing = step - len(part) if fixed else 0
            if missing:
                part = np.concatenate((part, np.zeros((missing, *part.shape[1:]), part.dtype)))
            yield part, len(part) - missing

    def run(self, data: Floats) -> list[Rows]:
        """Run it on ``(B, 3, H, W)``, in parts where the file takes a fixed number of pictures; one entry a picture.

        Raises:
            WeightsError: It cannot be run on this.
        """
        found: list[Rows] = []
        for part, real in self.parts(data):
            outputs = self.call({self.input_names[0]: part})
            rows: list[Rows] = list(outputs[0]) if len(outputs) == 1 else list(zip(*outputs, strict=True))
            found.extend(rows[:real])
        return found


class OnnxBackend:
    """Runs a network on ONNX Runtime; a `trackforge.models.Backend`.

    Args:
        network: The network.
        card: What is known of it.
    """

    def __init__(self, network: OnnxNetwork, card: ModelCard) -> None:
        self.card = card
        self._network = network
        self._planes = HostPlanes(card.preprocessing)

    def prepare(self, images: Sequence[Image], /) -> Batch:
        """Turn RGB pictures into one input."""
        return Batch(*self._planes.fill(images))

    def infer(self, batch: Batch, /) -> list[Rows]:
        """Run the network; float32 outputs of each picture."""
        return self._network.run(batch.data)


def _check_size(path: Path, shape: Sequence[int | str | None]) -> None:
    """Refuse an input so large that a file must be damaged, before anything of its size is made."""
    fixed, picture = ([size for size in sizes if isinstance(size, int)] for sizes in (shape, shape[2:]))
    try:
        check_limit("bytes", 4 * math.prod(fixed), f"An input of {shape} in bytes", path=path)
        check_limit("pixels", math.prod(picture), "An input in pixels", path=path)
    except DataError as error:
        raise WeightsError(str(error)) from error
    if any(size < 1 for size in fixed):
        raise WeightsError(
            f"{path} must take inputs of 1 or more in every direction; it takes {shape}. Export it anew."
        )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _session(path: Path, device: str, threads: int, install: str) -> Any:
    try:
        import onnxruntime as ort  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            f"The onnx backend needs onnxruntime, which is not installed; run: pip install {install}"
        ) from error
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    providers: list[Any] = ["CPUExecutionProvider"]
    if device != "cpu":
        if "CUDAExecutionProvider" not in ort.get_available_providers():
            raise DeviceError(
                f"device {device!r} needs an ONNX Runtime with CUDA; this one offers "
                f"{', '.join(ort.get_available_providers())}. Install onnxruntime-gpu, or take backend='torch' or "
                "device='cpu'."
            )
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(device.partition(":")[2] or 0)}))
    try:
        session = ort.InferenceSession(path, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no public base class
        raise WeightsError(
            f"{path} must be a readable ONNX model; {_first_line(error)}. Get or export it anew."
        ) from error
    if device != "cpu" and "CUDAExecutionProvider" not in session.get_providers():
        raise DeviceError(
            f"device {device!r} must be usable by ONNX Runtime; it fell back to {session.get_providers()}. Check that "
            "CUDA and cuDNN fit this onnxruntime-gpu, or take backend='torch' or device='cpu'."
        )
    return session
