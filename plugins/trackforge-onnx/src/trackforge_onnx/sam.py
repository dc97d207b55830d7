"""Segment Anything as a `trackforge.protocols.Segmenter`: masks of the objects in boxes, by two ONNX files.

The encoder looks at the picture once, the decoder once at every box. Published exports differ in what the encoder
takes: ``(1, 3, 1024, 1024)``, normalised and padded here, or the picture itself, ``(H, W, 3)`` with values 0..255,
which the file normalises; which one it is, its input says.

Source: Kirillov et al., "Segment Anything", ICCV 2023; the inputs and outputs of its ONNX exports. No code is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trackforge.boxes import clip
from trackforge.config import check, setting
from trackforge.errors import InvalidInputError, WeightsError
from trackforge.io.masks import encode_mask
from trackforge.models.device import check_device
from trackforge.models.onnx import OnnxNetwork
from trackforge.types import Frame

__all__ = ["SamConfig", "SamSegmenter"]

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
SIDE = 1024
"""Side of the square that the decoder takes points in, whatever the encoder takes."""
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)
CORNERS = (2.0, 3.0)
"""Labels of points that are the upper left and lower right corner of a box."""
NEEDED = ("image_embeddings", "point_coords", "point_labels")
OPTIONAL = ("mask_input", "has_mask_input", "orig_im_size")
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(double)": np.float64}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SamConfig:
    """Settings of `SamSegmenter`."""

    encoder: Path = setting(help="The .onnx file that looks at pictures.")
    decoder: Path = setting(help="The .onnx file that makes masks of boxes.")
    threshold: float = setting(0.0, help="Logit above which a pixel belongs to the object.")
    device: str = setting("auto", help="auto, cpu, cuda or cuda:N.", role="device")
    threads: int = setting(0, help="CPU threads; 0 leaves it to ONNX Runtime.", minimum=0)

    def __post_init__(self) -> None:
        check(self)
        check_device(self.device)


class SamSegmenter:
    """Gives each box the mask of the object in it.

    Raises:
        WeightsError: A file cannot be read, or is no encoder or decoder of Segment Anything.
        MissingDependencyError: ONNX Runtime or OpenCV is not installed.
    """

    def __init__(self, config: SamConfig) -> None:
        self.config = config
        self._encoder = _Encoder(_opened(config.encoder, "encoder", config))
        self._decoder = _Decoder(_opened(config.decoder, "decoder", config))

    def segment(self, frame: Frame, xyxy: Floats, /) -> list[dict[str, Any]]:
        """Return the mask of the object in each box; of a box outside the picture, one without a pixel.

        Raises:
            InvalidInputError: The frame has no image.
            WeightsError: The files cannot be run, or don't fit each other.
        """
        if frame.image is None:
            raise InvalidInputError(f"Masks need pictures; frame {frame.index} has none. Take a source that has.")
        image = np.asarray(frame.image)
        height, width = image.shape[:2]
        boxes = clip(np.asarray(xyxy, np.float32).reshape(-1, 4), (width, height))
        seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        masks = [encode_mask(np.zeros((height, width), bool))] * len(boxes)
        if not seen.any():
            return masks
        embedding, view = self._encoder.look(image)
        for row in np.flatnonzero(seen).tolist():
            logits = self._decoder.mask(embedding, boxes[row], view)
            masks[row] = encode_mask(logits > self.config.threshold)
        return masks


@dataclass(frozen=True)
class _View:
    """Where a picture lies in the decoder's square: its size, and that of its place, both ``(width, height)``."""

    picture: tuple[int, int]
    place: tuple[float, float]

    @property
    def fills(self) -> bool:
        """Whether the longer side of the picture fills the square, so that the decoder itself finds the way back."""
        return round(max(self.place)) == SIDE


def _opened(path: Path, what: str, config: SamConfig) -> OnnxNetwork:
    path = path.expanduser()
    if not path.is_file():
        raise WeightsError(f"{what} must be an .onnx file; there is no file {path}.")
    return OnnxNetwork(path, device=config.device, threads=config.threads, install="trackforge-onnx[sam]")


class _Encoder:
    """Looks at a picture."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network
        shape = network.inputs[0]
        self._flat = shape[-1] == 3 and len(shape) in (3, 4)
        planes = len(shape) == 4 and shape[1] == 3
        if len(network.inputs) != 1 or not (self._flat or planes):
            raise WeightsError(
                f"encoder must take one picture, (1, 3, {SIDE}, {SIDE}) or (H, W, 3); {network.path} takes "
                f"{', '.join(map(str, network.inputs))}. Is it the decoder?"
            )
        self._lead = len(shape) == 4
        sides = (shape[-3], shape[-2]) if self._flat else (shape[2], shape[3])
        fixed = [side for side in sides if isinstance(side, int)]
        self._canvas = (fixed[0], fixed[1]) if len(fixed) == 2 else None if self._flat else (SIDE, SIDE)
        self._type = TYPES.get(network.input_types[0], np.float32)
        embedded = [n for n, out in enumerate(network.outputs) if len(out) == 4]
        named = [n for n in embedded if "embed" in network.output_names[n]]
        if not embedded:
            raise WeightsError(
                f"encoder must give embeddings (1, 256, 64, 64); {network.path} gives "
                f"{', '.join(map(str, network.outputs))}. Take the encoder of Segment Anything."
            )
        self._output = (named or embedded)[0]

    def look(self, image: Image) -> tuple[Any, _View]:
        """Return the embedding of an RGB picture, and where the picture lies in the decoder's square."""
        import cv2

        height, width = image.shape[:2]
        canvas = self._canvas or (SIDE, SIDE)
        scale = min(canvas[0] / height, canvas[1] / width)
        new = max(int(width * scale + 0.5), 1), max(int(height * scale + 0.5), 1)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = image if new == (width, height) else cv2.resize(image, new, interpolation=way)
        data: npt.NDArray[Any] = scaled
        if not self._flat:
            data = (scaled.astype(np.float32) - MEAN) / STD
        if self._canvas is not None:
            data = np.pad(data, ((0, canvas[0] - new[1]), (0, canvas[1] - new[0]), (0, 0)))
        data = data if self._flat else data.transpose(2, 0, 1)
        data = np.ascontiguousarray(data[None] if self._lead else data, dtype=self._type)
        found = self._network.call({self._network.input_names[0]: data})[self._output]
        unit = SIDE / max(canvas)
        return found, _View((width, height), (new[0] * unit, new[1] * unit))


class _Decoder:
    """Makes a mask of a box."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network
        names = network.input_names
        if not set(NEEDED) <= set(names) <= {*NEEDED, *OPTIONAL}:
            raise WeightsError(
                f"decoder must take {', '.join(NEEDED)}, and may take {', '.join(OPTIONAL)}; {network.path} takes "
                f"{', '.join(names)}. Export it as Segment Anything does."
            )
        self._types = dict(zip(names, (TYPES.get(kind, np.float32) for kind in network.input_types), strict=True))
        outputs = network.output_names
        self._masks = outputs.index("masks") if "masks" in outputs else 0
        self._scores = next((n for n, name in enumerate(outputs) if "iou" in name or "score" in name), None)

    def mask(self, embedding: Any, box: Floats, view: _View) -> Floats:
        """Return ``(H, W)`` logits for a box ``(4,)`` in pixels of the picture."""
        (width, height), (across, down) = view.picture, view.place
        points = box.reshape(1, 2, 2) * np.array([across / width, down / height], np.float32)
        asked = (height, width) if view.fills else (SIDE, SIDE)
        feeds: dict[str, Any] = {
            "image_embeddings": embedding,
            "point_coords": points,
            "point_labels": np.array([CORNERS]),
            "mask_input": np.zeros((1, 1, 256, 256)),
            "has_mask_input": np.zeros(1),
            "orig_im_size": np.array(asked),
        }
        given = {name: np.asarray(feeds[name], kind) for name, kind in self._types.items()}
        outputs = self._network.call(given)
        found = np.asarray(outputs[self._masks], np.float32)
        if found.ndim != 4 or not found.size:
            raise WeightsError(
                f"decoder must give masks (1, M, H, W); {self._network.path} gives {found.shape}. Export it as Segment "
                "Anything does."
            )
        best = 0
        if found.shape[1] > 1 and self._scores is not None:
            best = int(np.argmax(np.asarray(outputs[self._scores]).reshape(-1)[: found.shape[1]]))
        return found[0, best] if found.shape[2:] == (height, width) else _returned(found[0, best], view)


def _returned(logits: Floats, view: _View) -> Floats:
    """Bring the mask of the whole square, at whatever size, back to the picture."""
    import cv2

    square: npt.NDArray[Any] = logits
    if square.shape != (SIDE, SIDE):
        square = cv2.resize(np.ascontiguousarray(logits), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    across, down = (max(int(side + 0.5), 1) for side in view.place)
    part = np.ascontiguousarray(square[:down, :across])
    return np.asarray(cv2.resize(part, view.picture, interpolation=cv2.INTER_LINEAR), np.float32)
