"""The map-style object that a loader draws augmented samples from. Knows nothing of torch."""

from __future__ import annotations

import numpy as np

from trackforge.data import Samples, sample_rng
from trackforge.errors import InvalidInputError
from trackforge.training.augment.values import Draw, Key, LabelledImage, TrainingSample, Transform

__all__ = ["AugmentedSamples"]


class AugmentedSamples:
    """Labelled pictures, augmented; deterministic, picklable, safe in worker processes.

    Everything random about a sample comes from ``(seed, key.epoch, key.position)``, so workers, processes and resumed
    runs give the same bytes.

    Args:
        samples: Where pictures come from.
        pipeline: What happens to them; must end at the size that the key asks for.
        seed: Of the whole run, ``>= 0``.
    """

    def __init__(self, samples: Samples, pipeline: Transform, *, seed: int = 0) -> None:
        if seed < 0:
            raise InvalidInputError(f"seed must be >= 0; got {seed}.")
        self.samples, self.pipeline, self.seed = samples, pipeline, seed
        boxes = samples.dataset.boxes
        self._labelled = np.unique(boxes.image[~boxes.ignore])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: Key) -> TrainingSample:
        """Load and augment one sample.

        Raises:
            DataError: The picture is missing or broken.
            InvalidInputError: ``key`` is not a sample key, or the pipeline ends at another size.
        """
        if isinstance(key, (int, np.integer)):
            raise InvalidInputError(
                f"AugmentedSamples needs a SampleKey (row, epoch, position, size, strong); got the number {key}. "
                "Draw keys with ResumableBatchSampler, or make one."
            )
        rng = sample_rng(self.seed, key.epoch, key.position)

        def another(labelled: bool) -> LabelledImage | None:
            if labelled:
                if not len(self._labelled):
                    return None
                return LabelledImage.of(self.samples[int(self._labelled[rng.integers(len(self._labelled))])])
            return LabelledImage.of(self.samples[int(rng.integers(len(self.samples)))])

        sample = self.samples[key.index]
        size = int(key.size[0]), int(key.size[1])
        draw = Draw(rng=rng, size=size, strong=key.strong, another=another)
        picture = self.pipeline(LabelledImage.of(sample), draw)
        if picture.size != size[::-1]:
            raise InvalidInputError(
                f"A pipeline must end at the input's size, {size[1]}x{size[0]}; it gave {picture.size[0]}x"
                f"{picture.size[1]}. Let it end with LetterBox or Stretch."
            )
        return TrainingSample.of(picture, index=sample.index, source_size=sample.size)
