"""The values that augmentation takes and gives, loading by key, and batches."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from labelled import film, stills

from trackforge import data
from trackforge.errors import InvalidInputError
from trackforge.training import ResumableBatchSampler, SampleKey
from trackforge.training import augment as ta


def key(index: int = 0, *, epoch: int = 0, position: int = 0, size=(64, 96), strong: bool = True) -> SampleKey:
    return SampleKey(index=index, epoch=epoch, position=position, size=size, strong=strong)


def assert_same(a: ta.TrainingSample, b: ta.TrainingSample) -> None:
    for f in dataclasses.fields(a):
        np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name))


def test_importing_augmentation_does_not_load_torch() -> None:
    code = "import sys, trackforge.training.augment; sys.exit('torch' in sys.modules or 'lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_names_exist_and_an_unknown_one_is_refused() -> None:
    for name in ta.__all__:
        assert getattr(ta, name) is not None
    with pytest.raises(AttributeError, match="Mosaics"):
        ta.Mosaics  # noqa: B018


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image": np.zeros((4, 4), np.uint8)}, "RGB uint8"),
        ({"image": np.zeros((4, 4, 3))}, "RGB uint8"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, "not empty"),
        ({"xyxy": np.zeros((2, 5))}, r"\(N, 4\)"),
        ({"class_id": [1, 2]}, "class_id must have shape"),
        ({"ignore": [True, False]}, "ignore must have shape"),
    ],
)
def test_columns_that_do_not_fit_are_refused(wrong: dict, message: str) -> None:
    good = {"image": np.zeros((4, 4, 3), np.uint8), "xyxy": np.array([[0, 0, 2, 2.0]])}
    with pytest.raises(InvalidInputError, match=message):
        ta.LabelledImage(**good | wrong)


def test_columns_not_given_get_their_defaults() -> None:
    made = ta.LabelledImage(image=np.zeros((4, 6, 3), np.uint8), xyxy=[[0, 0, 2, 2], [1, 1, 3, 3]])
    assert made.size == (6, 4)
    assert made.class_id.tolist() == [0, 0]
    assert made.identity.tolist() == [-1, -1]
    assert (len(made), made.count) == (2, 2)
    assert len(ta.LabelledImage(image=made.image, xyxy=[])) == 0


def test_a_sample_carries_identities_and_ignore_regions(tmp_path) -> None:
    samples = data.Samples(film(tmp_path))
    out = ta.AugmentedSamples(samples, ta.validation_pipeline())[key(0, size=(96, 128))]
    assert out.image.shape == (3, 96, 128)
    assert out.image.flags.c_contiguous
    assert out.xyxy.dtype == np.float32
    np.testing.assert_allclose(out.xyxy, samples[0].boxes.xyxy * 2)
    assert out.identity.tolist() == samples[0].identity.tolist()
    assert out.ignore.tolist() == [False, False, True]
    assert (out.index, out.source_size) == (0, (64, 48))


def test_the_key_alone_decides(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.yolox_pipeline(), seed=5)
    keys = [key(k % 4, position=k) for k in range(6)]
    forwards = [samples[k] for k in keys]
    other = pickle.loads(pickle.dumps(samples))
    for k, wanted in zip(keys[::-1], forwards[::-1], strict=True):
        assert_same(other[k], wanted)
    for changed in (key(0, position=1), key(0, epoch=1)):
        assert (samples[changed].image != forwards[0].image).any()
    reseeded = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.yolox_pipeline(), seed=6)
    assert (reseeded[keys[0]].image != forwards[0].image).any()


def test_global_random_numbers_are_neither_used_nor_changed(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.yolox_pipeline())
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = samples[key(0)]
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert_same(samples[key(0)], first)


def test_mosaic_and_mixup_stop_when_the_key_says_so(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.yolox_pipeline())
    mixed, plain = samples[key(1)], samples[key(1, strong=False)]
    assert np.isnan(mixed.matrix).all()
    assert np.isfinite(plain.matrix).all()
    assert len(plain.xyxy) == 2


def test_wrong_keys_and_pipelines_are_refused(tmp_path) -> None:
    samples = data.Samples(stills(tmp_path))
    with pytest.raises(InvalidInputError, match="SampleKey"):
        ta.AugmentedSamples(samples, ta.yolox_pipeline())[3]
    with pytest.raises(InvalidInputError, match="96x64; it gave 64x48"):
        ta.AugmentedSamples(samples, ta.Flip())[key()]
    with pytest.raises(InvalidInputError, match="seed"):
        ta.AugmentedSamples(samples, ta.Flip(), seed=-1)


def test_mixup_partners_always_have_an_object(tmp_path) -> None:
    made = stills(tmp_path, count=4)
    bare = made.replace(boxes=made.boxes[made.boxes.image == 2])
    drawn = []

    def spy(picture: ta.LabelledImage, draw: ta.Draw) -> ta.LabelledImage:
        drawn.extend(draw.another(True).count for _ in range(20))
        return ta.LetterBox()(picture, draw)

    ta.AugmentedSamples(data.Samples(bare), spy)[key()]
    assert drawn == [2] * 20
    nothing = ta.AugmentedSamples(data.Samples(bare.replace(boxes=bare.boxes[:0]), verify=False), ta.yolox_pipeline())
    assert len(nothing[key()].xyxy) == 0


def test_a_batch_holds_flat_columns(tmp_path) -> None:
    made = film(tmp_path)
    samples = ta.AugmentedSamples(data.Samples(made), ta.validation_pipeline())
    batch = ta.collate([samples[key(k, size=(96, 128))] for k in (3, 0)])
    assert batch.images.shape == (2, 3, 96, 128)
    assert batch.images.dtype == torch.uint8
    assert (len(batch), batch.size, batch.counts, batch.index) == (2, (96, 128), (2, 3), (3, 0))
    assert batch.targets.image.tolist() == [0, 0, 1, 1, 1]
    assert batch.targets.xyxy.dtype == torch.float32
    assert batch.targets.ignore.tolist() == [False, False, False, False, True]
    for row, part in zip((3, 0), batch.each(), strict=True):
        wanted = made.labels(row).xyxy
        np.testing.assert_allclose(part.xyxy.numpy(), wanted * 2)
        np.testing.assert_allclose(batch.to_source(batch.index.index(row), part.xyxy), wanted)


def test_a_batch_moves_with_its_targets(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.validation_pipeline())
    batch = ta.collate([samples[key(0)]]).to("meta", non_blocking=True)
    tensors = [batch.images, *(getattr(batch.targets, f.name) for f in dataclasses.fields(batch.targets))]
    assert {t.device.type for t in tensors} == {"meta"}
    assert batch.targets.class_id.dtype == torch.int64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="memory can be pinned only where there is an accelerator")
def test_a_batch_can_be_pinned(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.validation_pipeline())
    pinned = ta.collate([samples[key(0)]]).pin_memory()
    assert pinned.images.is_pinned()
    assert pinned.targets.xyxy.is_pinned()


def test_pictures_without_boxes_make_a_batch_too(tmp_path) -> None:
    made = stills(tmp_path)
    samples = ta.AugmentedSamples(data.Samples(made.replace(boxes=made.boxes[:2])), ta.validation_pipeline())
    batch = ta.collate([samples[key(2)], samples[key(3)]])
    assert batch.counts == (0, 0)
    assert batch.targets.xyxy.shape == (0, 4)
    assert [len(t) for t in batch.each()] == [0, 0]


def test_a_mirrored_picture_maps_back_and_a_mixed_one_does_not(tmp_path) -> None:
    samples = data.Samples(stills(tmp_path))
    mirrored = ta.Pipeline(steps=(ta.Flip(probability=1), ta.LetterBox(place="centre")), boxes=None)
    batch = ta.collate([ta.AugmentedSamples(samples, mirrored)[key(1)]])
    np.testing.assert_allclose(batch.to_source(0, batch.targets.xyxy), samples[1].boxes.xyxy, atol=1e-5)
    mixed = ta.collate([ta.AugmentedSamples(samples, ta.yolox_pipeline())[key(1)]])
    with pytest.raises(InvalidInputError, match="mixed or turned"):
        mixed.to_source(0, mixed.targets.xyxy)


def test_sizes_must_not_differ_within_a_batch(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path)), ta.validation_pipeline())
    with pytest.raises(InvalidInputError, match="one size"):
        ta.collate([samples[key()], samples[key(size=(32, 32))]])
    with pytest.raises(InvalidInputError, match="no sample"):
        ta.collate([])


def test_worker_processes_give_the_same_batches(tmp_path) -> None:
    samples = ta.AugmentedSamples(data.Samples(stills(tmp_path, count=6)), ta.bytetrack_pipeline(), seed=3)

    def batches(**options) -> list[ta.Batch]:
        sampler = ResumableBatchSampler(6, batch_size=2, sizes=[(64, 96), (96, 96)], seed=3)
        loader = torch.utils.data.DataLoader(samples, batch_sampler=sampler, collate_fn=ta.collate, **options)
        return list(loader)

    for a, b in zip(batches(), batches(num_workers=2, multiprocessing_context="spawn"), strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.targets.xyxy, b.targets.xyxy)
        assert a.counts == b.counts
        assert a.index == b.index
