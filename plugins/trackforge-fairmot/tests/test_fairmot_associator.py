"""The steps of FairMOT's cascade, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trackforge.errors import ConfigError, InvalidInputError
from trackforge.motion import KalmanXYAH
from trackforge.testing import check_associator
from trackforge.types import Detections, Frame, Tracks, TrackState
from trackforge_fairmot.cascade import FairmotAssociator

T, C, L = int(TrackState.TENTATIVE), int(TrackState.CONFIRMED), int(TrackState.LOST)
RED, BLUE, NONE = (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)


class View:
    """Filters that have just been started on the boxes."""

    def __init__(self, boxes):
        self._model = KalmanXYAH()
        self._state = self._model.initiate(np.asarray(boxes, np.float64).reshape(-1, 4))
        self.boxes = self._model.boxes(self._state)

    def mahalanobis(self, tracks, xyxy, /, *, position_only=False):
        return self._model.mahalanobis((self._state[0][tracks],), xyxy, position_only=position_only)


def at(x, width=100.0):
    return [x, 0.0, x + width, 200.0]


def associate(tracks, detections, **given):
    """``tracks`` are (x, state, look), ``detections`` (x, score, look); return pairs, lonely detections, all of it."""
    n = len(tracks)
    boxes = np.array([at(x) for x, *_ in tracks], np.float32).reshape(-1, 4)
    known = Tracks(
        track_id=np.arange(1, n + 1),
        xyxy=boxes,
        score=np.ones(n),
        state=np.array([s for _, s, _ in tracks], np.int64),
        detection=np.full(n, -1),
        embedding=looks(tracks),
        **dict.fromkeys(("class_id", "age", "time_since_update"), np.zeros(n, np.int64)),
    )
    found = Detections(
        xyxy=[at(x) for x, *_ in detections], score=[s for _, s, _ in detections], embedding=looks(detections)
    )
    m = FairmotAssociator(**given).associate(known, found, frame=Frame(index=0), motion=View(boxes))
    pairs = dict(zip(m.track.tolist(), m.detection.tolist(), strict=True))
    assert m.unmatched_track.tolist() == [i for i in range(n) if i not in pairs]
    return pairs, m.unmatched_detection.tolist(), m


def looks(rows):
    vectors = [look for *_, look in rows]
    return None if not vectors or vectors[0] is None else np.array(vectors, np.float32)


@pytest.mark.parametrize("dim", [None, 1, 16])
@pytest.mark.parametrize("given", [{}, {"low_score": None}, {"appearance": False}, {"strict_scores": True}])
def test_it_conforms(dim, given):
    check_associator(lambda: FairmotAssociator(**given), embedding_dim=dim)


def test_looks_decide_where_two_people_swap_places():
    tracks = [(0, C, RED), (20, C, BLUE)]
    detections = [(0, 0.9, BLUE), (20, 0.9, RED)]
    assert associate(tracks, detections)[0] == {0: 1, 1: 0}
    assert associate(tracks, detections, appearance=False)[0] == {0: 0, 1: 1}


def test_nobody_is_where_he_cannot_have_got_to():
    # the same looks, 500 px away: far beyond the gate, and no overlap
    assert associate([(0, C, RED)], [(500, 0.9, RED)])[:2] == ({}, [0])
    assert associate([(0, C, RED)], [(500, 0.9, RED)], gate=1e9, motion_weight=0.0)[0] == {0: 0}


def test_a_cost_by_looks_is_what_the_docstring_says():
    look = (np.cos(0.5), np.sin(0.5))
    _, _, m = associate([(0, C, RED)], [(10, 0.9, look)])
    view = View([at(0)])
    distance = view.mahalanobis(np.array([0]), np.array([at(10.0)]))[0, 0]
    np.testing.assert_allclose(m.cost, [0.98 * (1 - np.cos(0.5)) + 0.02 * distance], rtol=1e-6)


def test_lengths_of_embeddings_do_not_matter():
    tracks = [(0, C, (5.0, 0.0)), (20, C, (0.0, 0.01))]
    detections = [(0, 0.9, (0.0, 300.0)), (20, 0.9, (2.0, 0.0))]
    pairs, _, m = associate(tracks, detections)
    assert pairs == {0: 1, 1: 0}
    assert (m.cost >= 0).all()


def test_a_lost_track_is_found_by_looks_alone():
    assert associate([(0, L, RED)], [(0, 0.9, RED)])[0] == {0: 0}
    assert associate([(0, L, RED)], [(0, 0.9, BLUE)])[:2] == ({}, [0])
    assert associate([(0, C, RED)], [(0, 0.9, BLUE)])[0] == {0: 0}, "a track of the last frame is, by overlap"


def test_limits_of_overlap():
    # IoU 1/3 at 50 px
    for limit, found in ((0.6, {}), (0.7, {0: 0})):
        assert associate([(0, C, RED)], [(50, 0.9, BLUE)], overlap_limit=limit)[0] == found
        assert associate([(0, T, RED)], [(50, 0.9, RED)], tentative_limit=limit)[0] == found
        assert associate([(0, C, RED)], [(50, 0.3, RED)], doubtful_limit=limit)[0] == found
        assert associate([(0, C, None)], [(50, 0.9, None)], blind_limit=limit)[0] == found


def test_doubtful_boxes_continue_tracks_and_nothing_else():
    assert associate([(0, C, RED)], [(0, 0.3, RED)])[:2] == ({0: 0}, [])
    assert associate([(0, C, RED)], [(0, 0.3, RED)], low_score=None)[:2] == ({}, [])
    assert associate([(0, L, RED), (300, T, RED)], [(0, 0.3, RED), (300, 0.3, RED), (600, 0.3, RED)])[:2] == ({}, [])


@pytest.mark.parametrize(("score", "kept", "strictly"), [(0.5, 0, None), (0.25, None, None), (0.375, None, None)])
def test_thresholds_belong_to_the_upper_set_or_to_none(score, kept, strictly):
    given = {"high_score": 0.5, "low_score": 0.25}
    pairs, alone, _ = associate([], [(0, score, RED)], **given)
    assert alone == ([] if kept is None else [kept])
    pairs, _, _ = associate([(0, C, RED)], [(0, score, RED)], **given)
    assert pairs == {0: 0}
    pairs, alone, _ = associate([(0, C, RED)], [(0, score, RED)], **given, strict_scores=True)
    assert pairs == ({0: 0} if score == 0.375 else {})
    assert alone == []


def test_without_embeddings_lost_tracks_are_found_by_overlap():
    assert associate([(0, L, None), (300, C, None)], [(300, 0.9, None), (0, 0.9, None)])[0] == {0: 1, 1: 0}
    assert associate([(0, L, RED)], [(0, 0.9, None)])[0] == {0: 0}
    assert associate([(0, L, RED)], [(0, 0.9, NONE)])[0] == {0: 0}
    assert associate([(0, L, NONE)], [(0, 0.9, RED)])[0] == {0: 0}


def test_some_without_embeddings_do_not_disturb_the_others():
    tracks = [(0, L, NONE), (300, L, RED), (600, C, RED), (900, C, NONE)]
    detections = [(0, 0.9, RED), (300, 0.9, BLUE), (600, 0.9, BLUE), (950, 0.9, BLUE)]
    pairs, alone, m = associate(tracks, detections)
    # the second is lost and its looks disagree; the last overlaps a third, which is enough where none can be compared
    assert (pairs, alone) == ({0: 0, 2: 2, 3: 3}, [1])
    np.testing.assert_allclose(m.cost, [0, 0, 2 / 3], atol=1e-6)


@pytest.mark.parametrize("dim", [None, 4])
@pytest.mark.parametrize(("m", "n"), [(0, 0), (3, 0), (0, 3)])
def test_nothing_to_match(m, n, dim):
    look = None if dim is None else (0.5,) * dim
    pairs, alone, _ = associate([(90 * i, C, look) for i in range(m)], [(90 * i, 0.9, look) for i in range(n)])
    assert (pairs, alone) == ({}, list(range(n)))


def test_embeddings_of_two_widths_are_refused():
    with pytest.raises(InvalidInputError, match="one width; got 2 and 3"):
        associate([(0, C, RED)], [(0, 0.9, (1.0, 0.0, 0.0))])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e-30, 1e18, 3e38])
def test_embeddings_of_any_size_are_compared_or_count_as_none(size):
    tracks = [(0, C, RED), (15, C, BLUE)]
    pairs, _, m = associate(tracks, [(0, 0.9, (size, size)), (15, 0.9, BLUE)])
    assert pairs == {0: 0, 1: 1}
    assert np.isfinite(m.cost).all()


def test_thresholds_must_be_in_order():
    with pytest.raises(ConfigError, match="low_score must be at most high_score"):
        FairmotAssociator(high_score=0.1)


def crowd(seed, tracks, detections, dim, blind):
    random = np.random.default_rng(seed)

    def some(n, second):
        looks = random.normal(size=(n, dim)) * (random.random((n, 1)) >= blind)
        return list(zip(random.uniform(0, 900, n), second(n), map(tuple, looks), strict=True))

    return some(tracks, lambda n: random.integers(0, 3, n)), some(detections, random.random)


@given(st.integers(0, 2**16), st.integers(0, 25), st.integers(0, 25), st.sampled_from([0.0, 0.4]), st.randoms())
@settings(max_examples=60)
def test_the_order_of_detections_does_not_matter(seed, m, n, blind, random):
    tracks, detections = crowd(seed, m, n, 3, blind)
    order = list(range(n))
    random.shuffle(order)
    first, alone, _ = associate(tracks, detections)
    again, lonely, _ = associate(tracks, [detections[i] for i in order])
    assert {track: order[d] for track, d in again.items()} == first
    assert sorted(order[d] for d in lonely) == alone


def test_many_pairs_at_once_cost_what_few_do():
    # in a throng all pairs are looked at in one product, else one by one: rounding apart, the costs are the same
    random = np.random.default_rng(3)
    unit = random.normal(size=(60, 24))
    tracks = [(float(x), C, tuple(e)) for x, e in zip(random.uniform(0, 30, 60), unit, strict=True)]
    detections = [(x + 1.0, 0.9, e) for x, _, e in tracks]
    pairs, _, m = associate(tracks, detections)
    assert pairs == {i: i for i in range(60)}
    for i in (0, 17, 59):
        _, _, one = associate([tracks[i]], [detections[i]])
        np.testing.assert_allclose(m.cost[i], one.cost, atol=1e-6)
