"""Network and decoding as one module: what runs, what is compiled, and what is exported.

Three of the four heads are asked at the peaks only. They are a 3 x 3 convolution, a nonlinearity and a 1 x 1
convolution, so that what they say in a cell depends on the nine cells around it: 500 small products of vectors and
matrices instead of convolutions over 41,344 cells (at 608 x 1088), which are a quarter of DLA-34's work. The numbers
are the same but for the order of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trackforge_fairmot.decode import MOST
from trackforge_fairmot.decode_torch import boxes_at, find_peaks

__all__ = ["MapsPredictor", "Predictor", "patches_at"]


class Predictor(nn.Module):
    """Images to objects.

    Args:
        network: A `trackforge_fairmot.model.FairMOT`, for inference.
        most: Peaks of a picture, over the classes looked for.
        keep: Class ids to look for, one or more; all if left out.
        dtype: What the network computes in; None is that of the images. What comes out is float32.
    """

    keep: Tensor | None

    def __init__(
        self,
        network: Any,
        *,
        most: int = MOST,
        keep: Sequence[int] | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.network: Any = network if dtype is None else network.to(dtype)
        self.most = most
        self.dtype = dtype
        self.register_buffer("keep", None if keep is None else torch.tensor(keep, dtype=torch.int64), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to objects, best first.

        Returns:
            ``(B, K, 6)`` x1, y1, x2, y2 in pixels of the input, probability (0: there is no object), class id;
            ``(B, K, D)`` embeddings of length 1. Both float32.
        """
        network = self.network
        features = network.features(images if self.dtype is None else images.to(self.dtype))
        hm = _sharp(network.hm, features)
        if self.keep is None:
            peaks = find_peaks(hm, self.most)
        else:  # chosen before the best are: those of other classes must not take their places
            peaks = find_peaks(hm[:, self.keep], self.most)
            peaks = peaks._replace(class_id=self.keep[peaks.class_id])
        patches = patches_at(features, peaks.cell, int(network.wh[0].kernel_size[0]))
        wh, reg, looks = (_said(head, patches).float() for head in (network.wh, network.reg, network.id))
        boxes = boxes_at(peaks.cell, features.shape[3], wh, reg)
        rest = (peaks.score[..., None], peaks.class_id[..., None].float())
        return torch.cat((boxes, *rest), dim=2), functional.normalize(looks, dim=2)


class MapsPredictor(nn.Module):
    """Images to the four maps ``hm`` (logits), ``wh``, ``id``, ``reg`` in float32, for whoever decodes them himself.

    Args:
        network: A `trackforge_fairmot.model.FairMOT`, for inference.
        dtype: What the network computes in; None is that of the images.
    """

    def __init__(self, network: Any, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.network: Any = network if dtype is None else network.to(dtype)
        self.dtype = dtype

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Map images ``(B, 3, H, W)`` to maps ``(B, C, H / 4, W / 4)``."""
        features = self.network.features(images if self.dtype is None else images.to(self.dtype))
        wh, looks, reg = (getattr(self.network, name)(features).float() for name in ("wh", "id", "reg"))
        return _sharp(self.network.hm, features), wh, looks, reg


def patches_at(features: Tensor, cell: Tensor, kernel: int) -> Tensor:
    """Return what a convolution sees in each cell.

    Args:
        features: ``(B, C, h, w)``.
        cell: ``(B, K)`` in ``h * w`` row by row.
        kernel: Its odd width and height; beyond the edge it sees zeros.

    Returns:
        ``(B, K, C * kernel ** 2)``, in the order of a convolution's weights.
    """
    channels, height, width = features.shape[1:]
    reach = kernel // 2
    step = torch.arange(kernel, device=cell.device) - reach
    y = (cell // width)[..., None, None] + step[:, None]  # (B, K, kernel, 1)
    x = (cell % width)[..., None, None] + step  # (B, K, 1, kernel)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    # one bound a call: a traced size is a tensor, and clamp takes no mixture
    place = y.clamp(min=0).clamp(max=height - 1) * width + x.clamp(min=0).clamp(max=width - 1)
    place = place.flatten(1)
    seen = features.flatten(2).gather(2, place[:, None].expand(-1, channels, -1))  # (B, C, K * kernel ** 2)
    seen = seen * inside.flatten(1)[:, None].to(seen.dtype)
    return seen.reshape(*seen.shape[:2], -1, kernel * kernel).transpose(1, 2).flatten(2)


def _said(head: Any, patches: Tensor) -> Tensor:
    """Return what a head says, ``(B, K, channels)``, where it sees these patches."""
    first, act, last = head
    hidden = act(functional.linear(patches, first.weight.flatten(1), first.bias))
    out: Tensor = functional.linear(hidden, last.weight.flatten(1), last.bias)
    return out


def _sharp(head: Any, features: Tensor) -> Tensor:
    """Return the heat map in float32: in half precision neighbours would become equal, and each a peak."""
    hidden = head[:-1](features).float()
    return functional.conv2d(hidden, head[-1].weight.float(), head[-1].bias.float())
