"""What the maps of FairMOT should say about the pictures of a batch, made on the device, without a loop over objects.

Every object has one cell of the map, that of its centre: there the heat map is 1, with a Gaussian around it, and the
other maps tell the box, the fraction of the centre and the identity.

Source: Zhang et al., "FairMOT", IJCV 2021; Zhou et al., "Objects as Points", arXiv 1904.07850; the radius after Law and
Deng, "CornerNet", ECCV 2018, with the roots of its published code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from trackforge.training.augment import Targets

__all__ = ["STRIDE", "CellTargets", "gaussian_radius", "make_targets"]

STRIDE = 4
"""Input pixels of a cell."""
OVERLAP = 0.7
"""A box whose corners are moved by the radius still has about this IoU with the true one."""


class CellTargets(NamedTuple):
    """Targets of B pictures on maps of h x w cells, and of the M objects in them, one row each.

    ``heat`` ``(B, C, h, w)`` 0..1; ``known`` ``(B, 1, h, w)`` bool, False where an ignore region leaves open what is
    there; ``image`` ``(M,)`` row in the batch; ``x``, ``y`` ``(M,)`` the cell; ``sides`` ``(M, 4)`` from the centre to
    left, top, right and bottom of the box, or ``(M, 2)`` its width and height, in cells; ``offset`` ``(M, 2)`` fraction
    of the centre; ``identity`` ``(M,)``, -1 where unknown.
    """

    heat: Tensor
    known: Tensor
    image: Tensor
    x: Tensor
    y: Tensor
    sides: Tensor
    offset: Tensor
    identity: Tensor


def gaussian_radius(height: Tensor, width: Tensor, overlap: float = OVERLAP) -> Tensor:
    """Return the radius for boxes of that height and width, not rounded.

    Two of the three roots are not those of the equations they stand for; published weights were trained with them.
    """
    total, area = height + width, height * width

    def root(a: float, b: Tensor, c: Tensor) -> Tensor:
        return (b + (b.square() - 4 * a * c).sqrt()) / 2

    one = root(1.0, total, area * (1 - overlap) / (1 + overlap))
    two = root(4.0, 2 * total, area * (1 - overlap))
    three = root(4 * overlap, -2 * overlap * total, area * (overlap - 1))
    return torch.minimum(torch.minimum(one, two), three)


def make_targets(
    labels: Targets,
    *,
    pictures: int,
    size: tuple[int, int],
    classes: int = 1,
    box_channels: int = 4,
    limit: int | None = None,
    skip_ignored: bool = True,
) -> CellTargets:
    """Make the targets of a batch.

    Boxes stay as they are, however far they reach out of the picture; centres outside are moved to its border. Boxes
    without an area are left out.

    Args:
        labels: Of the batch, boxes in input pixels.
        pictures: How many pictures, B.
        size: ``(h, w)`` of the maps in cells.
        classes: Channels of the heat map.
        box_channels: 4 for left, top, right, bottom; 2 for width, height.
        limit: Objects of a picture that count, the first ones; all where None.
        skip_ignored: Whether ignore regions leave open what is there; False makes them background.
    """
    h, w = size
    device = labels.xyxy.device
    known = torch.ones((pictures, 1, h, w), dtype=torch.bool, device=device)
    if skip_ignored:
        known = _outside(labels.xyxy[labels.ignore] / STRIDE, labels.image[labels.ignore], pictures, size)
    extent = labels.xyxy[:, 2:] - labels.xyxy[:, :2]
    objects = labels[~labels.ignore & (extent > 0).all(dim=1)]
    if limit is not None:
        start = torch.searchsorted(objects.image, torch.arange(pictures, device=device))
        objects = objects[torch.arange(len(objects), device=device) - start[objects.image] < limit]
    corners = objects.xyxy / STRIDE
    last = torch.tensor((w - 1, h - 1), dtype=corners.dtype, device=device)
    centre = torch.minimum(((corners[:, :2] + corners[:, 2:]) / 2).clamp(min=0), last)
    cell = centre.long()
    extent = corners[:, 2:] - corners[:, :2]
    sides = torch.cat((centre - corners[:, :2], corners[:, 2:] - centre), dim=1) if box_channels == 4 else extent
    exact = extent if device.type == "mps" else extent.double()
    radius = gaussian_radius(exact[:, 1].ceil(), exact[:, 0].ceil()).long()  # never negative
    plane = objects.image * classes + objects.class_id
    return CellTargets(
        heat=_heat(cell, radius, plane, pictures * classes, size).view(pictures, classes, h, w),
        known=known,
        image=objects.image,
        x=cell[:, 0],
        y=cell[:, 1],
        sides=sides,
        offset=centre - cell,
        identity=objects.identity,
    )


def _heat(cell: Tensor, radius: Tensor, plane: Tensor, planes: int, size: tuple[int, int]) -> Tensor:
    """Draw a Gaussian around every cell, cut off at the radius; where several meet, the greatest counts."""
    h, w = size
    side = 2 * radius + 1
    count = side.square()
    owner = torch.repeat_interleave(torch.arange(len(cell), device=cell.device), count)
    place = torch.arange(len(owner), device=cell.device) - (count.cumsum(0) - count)[owner]
    width = side[owner]
    dx, dy = place % width - radius[owner], place // width - radius[owner]
    x, y = cell[owner, 0] + dx, cell[owner, 1] + dy
    sigma = width.float() / 6
    value = torch.exp(-(dx.square() + dy.square()) / (2 * sigma.square()))
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    index = torch.where(inside, (plane[owner] * h + y) * w + x, 0)
    heat = torch.zeros(planes * h * w, device=cell.device)
    return heat.scatter_reduce_(0, index, torch.where(inside, value, 0), "amax")


def _outside(regions: Tensor, image: Tensor, pictures: int, size: tuple[int, int]) -> Tensor:
    """Tell which cells ``(B, 1, h, w)`` have their middle in none of the regions ``(N, 4)``, given in cells."""
    h, w = size
    first = (regions[:, :2] - 0.5).ceil().long()
    behind = (regions[:, 2:] - 0.5).ceil().long()
    most = torch.tensor((w, h), device=regions.device)
    (x1, y1), (x2, y2) = (torch.minimum(edge.clamp(min=0), most).T for edge in (first, behind))
    edges = torch.zeros((pictures, h + 1, w + 1), dtype=torch.int32, device=regions.device)
    for y, x, step in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
        one = torch.full_like(x, step, dtype=torch.int32)
        edges.index_put_((image, y, x), one, accumulate=True)
    covered = edges.cumsum(1).cumsum(2)[:, None, :h, :w]
    return covered == 0
