from __future__ import annotations

import gc
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from io_files import index_of, turn_mp4, write_video

from trackforge.errors import ConfigError, SourceError
from trackforge.io.video import VideoSource, VideoSourceConfig


def source(path: Path, **settings: object) -> VideoSource:
    return VideoSource(VideoSourceConfig(path=path, **settings))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_every_frame_comes_in_order_with_its_time(tmp_path: Path, suffix: str) -> None:
    video = source(write_video(tmp_path / f"street.{suffix}", 30))
    frames = list(video)
    assert [f.index for f in frames] == list(range(30)) == [index_of(f.image) for f in frames]
    assert [f.timestamp for f in frames] == pytest.approx([i / 25 for i in range(30)], abs=1e-3)
    assert {f.size for f in frames} == {(320, 240)}
    assert {f.sequence for f in frames} == {"street"} == {video.name}
    assert (video.rate, video.skipped) == (25.0, 0)
    assert abs(len(video) - 30) <= (suffix == "ts")  # a transport stream states its duration only roughly


def test_images_are_upright_rgb_and_read_only(tmp_path: Path) -> None:
    path = write_video(tmp_path / "turned.mp4", 3)
    turn_mp4(path)
    image = next(iter(source(path))).image
    assert image is not None
    assert image.shape == (320, 240, 3)
    assert image.flags.c_contiguous
    assert not image.flags.writeable
    red = (image[:, :, 0] > 150) & (image[:, :, 2] < 90)
    rows, columns = np.nonzero(red)  # the corner was top left; a turn by 90 degrees clockwise makes it top right
    assert rows.mean() < 60
    assert columns.mean() > 180


@pytest.mark.parametrize(
    ("settings", "indices"),
    [
        ({"start": 5}, range(5, 20)),
        ({"stop": 7}, range(7)),
        ({"stride": 3}, range(0, 20, 3)),
        ({"start": 4, "stop": 15, "stride": 5}, range(4, 15, 5)),
        ({"start": 30}, range(0)),
        ({"stop": 0}, range(0)),
    ],
)
def test_start_stop_and_stride_keep_the_index_of_the_file(
    tmp_path: Path, settings: dict[str, int], indices: range
) -> None:
    video = source(write_video(tmp_path / "v.mp4", 20), **settings)
    frames = list(video)
    assert [f.index for f in frames] == list(indices) == [index_of(f.image) for f in frames]
    assert len(video) == len(indices)


def test_every_iteration_starts_anew_and_several_may_run(tmp_path: Path) -> None:
    video = source(write_video(tmp_path / "v.mp4", 5))
    assert [(a.index, b.index) for a, b in zip(video, video, strict=True)] == [(i, i) for i in range(5)]
    assert len(list(video)) == 5


def test_pictures_do_not_wait_for_the_garbage_collector(tmp_path: Path) -> None:
    """It counts objects, not bytes: hundreds of decoded pictures would be in memory before it comes."""
    path = write_video(tmp_path / "film.mp4", 12)
    gc.collect()
    gc.disable()
    try:
        for _ in VideoSource(VideoSourceConfig(path=str(path))):
            pass
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = sum(type(one).__name__ == "VideoFrame" for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left <= 2  # the side data of the first one were asked for, here and to see the shape of its pixels


def test_close_ends_an_iteration(tmp_path: Path) -> None:
    video = source(write_video(tmp_path / "v.mp4", 20))
    seen = []
    for frame in video:
        seen.append(frame.index)
        if frame.index == 3:
            video.close()
    assert seen == [0, 1, 2, 3]
    assert len(list(video)) == 20


def test_frames_are_what_opencv_decodes(data_dir: Path) -> None:
    path = data_dir / "pets09-s2l1" / "vtest.avi"
    reader = cv2.VideoCapture(str(path))
    for frame in source(path, stop=40):
        ok, bgr = reader.read()
        assert ok
        # The two bring FFmpegs of their own, whose rounding differs in a pixel here and there.
        apart = np.abs(frame.image.astype(int) - bgr[:, :, ::-1])
        assert apart.max() <= 2
        assert apart.mean() < 0.001


def test_the_real_video_is_whole(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    video = source(data_dir / "pets09-s2l1" / "vtest.avi", stride=50)
    with caplog.at_level(logging.WARNING):
        assert [f.index for f in video] == list(range(0, 795, 50))
    assert (len(video), video.rate) == (16, 10.0)
    assert not caplog.records


def test_a_url_is_read_frame_by_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", 5)
    assert len(list(VideoSource(VideoSourceConfig(path=path.as_uri())))) == 5


def test_misspelt_names_get_a_suggestion(tmp_path: Path) -> None:
    write_video(tmp_path / "street.mp4", 2)
    with pytest.raises(SourceError, match=r"must exist; .*street\.mp5 does not\. Did you mean 'street\.mp4'\?"):
        source(tmp_path / "street.mp5")


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="stride must be >= 1"):
        VideoSourceConfig(path="v.mp4", stride=0)
