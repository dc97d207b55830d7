"""Order, sizes and positions of training samples."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackforge.errors import InvalidInputError, StateError
from trackforge.training import ResumableBatchSampler, SampleKey

SIZES = ((320, 320), (352, 352), (384, 384))


def sampler(length: int = 10, **changes: Any) -> ResumableBatchSampler:
    return ResumableBatchSampler(length, **{"batch_size": 2, "sizes": SIZES, "seed": 5, **changes})


def epoch_of(one: ResumableBatchSampler, global_step: int = 0) -> list[list[SampleKey]]:
    one.seek(global_step)
    return list(one)


@given(
    length=st.integers(1, 40),
    micro=st.integers(1, 3),
    world=st.integers(1, 4),
    pieces=st.integers(1, 3),
    epoch=st.integers(0, 3),
    seed=st.integers(0, 5),
)
def test_processes_and_pieces_share_the_batches_of_one(
    length: int, micro: int, world: int, pieces: int, epoch: int, seed: int
) -> None:
    whole = sampler(length, batch_size=micro * world * pieces, seed=seed)
    ranks = [
        sampler(length, batch_size=micro, world_size=world, rank=rank, accumulate=pieces, seed=seed)
        for rank in range(world)
    ]
    assert {one.global_batch for one in ranks} == {whole.global_batch}
    alone = epoch_of(whole, epoch * whole.steps_per_epoch)
    shared = [epoch_of(one, epoch * one.steps_per_epoch) for one in ranks]
    assert len(alone) == whole.steps_per_epoch
    assert {len(one) for one in shared} == {len(ranks[0])} == {whole.steps_per_epoch * pieces}
    for step, batch in enumerate(alone):
        parts = [key for rank in shared for piece in rank[step * pieces : (step + 1) * pieces] for key in piece]
        assert sorted(parts, key=lambda k: k.position) == batch
        assert len({key.size for key in batch}) == 1
    drawn = [key.index for batch in alone for key in batch]
    assert set(drawn) == set(range(length))  # every picture at least once
    assert max(map(drawn.count, drawn)) - min(map(drawn.count, drawn)) <= 1


@given(st.integers(0, 30), st.integers(1, 3), st.integers(1, 4))
def test_seeking_gives_the_rest_of_the_epoch(global_step: int, pieces: int, size_every: int) -> None:
    one = sampler(11, accumulate=pieces, size_every=size_every)
    epoch, step = divmod(global_step, one.steps_per_epoch)
    whole = epoch_of(one, epoch * one.steps_per_epoch)
    rest = epoch_of(one, global_step)
    assert rest == whole[step * pieces :]
    assert len(one) == len(whole)
    again = sampler(11, accumulate=pieces, size_every=size_every)
    again.load_state_dict(one.state_dict())
    assert list(again) == rest


def test_epochs_differ_and_seeds_differ() -> None:
    def order(one: ResumableBatchSampler, step: int) -> list[int]:
        return [key.index for batch in epoch_of(one, step) for key in batch]

    one = sampler(50)
    assert order(one, 0) != order(one, one.steps_per_epoch) != order(sampler(50, seed=6), 0) != order(one, 0)
    assert order(sampler(50, shuffle=False), 0) == [*range(50)]


def test_sizes_change_every_so_many_steps_and_all_come() -> None:
    one = sampler(400, batch_size=1, size_every=10)
    sizes = [batch[0].size for batch in epoch_of(one)]
    assert set(sizes) == set(SIZES)
    assert all(len(set(sizes[k : k + 10])) == 1 for k in range(0, 400, 10))
    assert {one.size_at(step) for step in range(400, 800)} == set(SIZES)


def test_strong_augmentation_ends_with_an_epoch() -> None:
    one = sampler(4, plain_from=2)
    strong = {epoch: {key.strong for batch in epoch_of(one, epoch * 2) for key in batch} for epoch in range(4)}
    assert strong == {0: {True}, 1: {True}, 2: {False}, 3: {False}}


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"batch_size": 0}, {"sizes": ()}, {"rank": 2, "world_size": 2}, {"accumulate": 0}]
)
def test_impossible_numbers_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="must be"):
        sampler(**wrong)


@pytest.mark.parametrize("other", [{"length": 11}, {"batch_size": 3}, {"seed": 6}])
def test_a_state_of_another_run_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="must be the same"):
        sampler().load_state_dict(sampler(**other).state_dict())


def test_a_state_fits_any_number_of_processes() -> None:
    begun = sampler(20, batch_size=4)
    begun.seek(7)
    alone = sampler(20, batch_size=2, world_size=2, rank=1)
    alone.load_state_dict(begun.state_dict())
    assert (alone.epoch, alone.step) == (1, 2)


def test_settings_and_samplers_need_no_torch() -> None:
    code = (
        "import sys\nfrom trackforge.training import FitSettings, Losses, Plan, ResumableBatchSampler, settings_for\n"
        "print(sorted({'torch', 'lightning', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
