"""Pipe mode: real named pipes, filled by a stand-in of SageMaker's agent, become data sets that training reads."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from aws_tools import moto_server
from doc_blocks import ROOT, blocks
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled import stills

from trackforge import data
from trackforge.errors import ConfigError, DataError, MissingFileError
from trackforge.io.recordio import RecordReader, encode_record, records
from trackforge_sagemaker.opt_ml import Channel, OptMl
from trackforge_sagemaker.pipe import materialise
from trackforge_sagemaker.testing.pipe_agent import PipeAgent, local_objects, of_files, of_manifest, s3_objects

NAMES = ("source-ref", "bounding-box")
BUCKET = "s3://bucket/"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    """A folder with an augmented manifest of nine pictures, as it would be uploaded."""
    root = tmp_path_factory.mktemp("set")
    stated = stills(root / "made", count=9)
    data.convert(stated.in_split("train"), root / "set", to="augmented-manifest", writing={"prefix": BUCKET})
    return root / "set"


@pytest.fixture
def channel(tmp_path) -> Channel:
    """The channel train of a job in Pipe mode, as its container is told of it."""
    config = tmp_path / "ml/input/config"
    config.mkdir(parents=True)
    said = {
        "train": {"TrainingInputMode": "Pipe", "RecordWrapperType": "RecordIO", "S3DistributionType": "FullyReplicated"}
    }
    (config / "inputdataconfig.json").write_text(json.dumps(said))
    return OptMl(tmp_path / "ml").channels["train"]


def agent(channel: Channel, content, **options) -> PipeAgent:
    return PipeAgent(channel.path.parent, channel.name, content, **options)


def sent(manifest: Path, names=NAMES, **options):
    text = (manifest / "train.manifest").read_text(encoding="utf-8")
    return of_manifest(text, names, local_objects(manifest), **options)


def same(one: data.Dataset, other: data.Dataset) -> None:
    """Two sets have the same pictures with the same boxes, in one order."""
    assert len(one) == len(other) > 3
    for mine, yours in zip(data.Samples(one), data.Samples(other), strict=True):
        assert np.array_equal(mine.image, yours.image)
        assert np.allclose(mine.boxes.xyxy, yours.boxes.xyxy, rtol=0, atol=1e-4)  # RecordIO's labels are float32
        assert np.array_equal(mine.boxes.class_id, yours.boxes.class_id)


def test_an_augmented_manifest_is_the_set_that_file_mode_gives(manifest, channel):
    with agent(channel, sent(manifest), epochs=3) as pipes:
        assert channel.fifo(0).is_fifo()
        place = materialise(channel, NAMES, classes=("person", "car"))
    assert place == channel.path / "train.rec"
    assert [(e.number, e.whole) for e in pipes.served] == [(0, True)], "one epoch is read, no other is opened"
    piped, filed = data.read(place), data.read(manifest / "train.manifest")
    same(piped, filed)
    assert piped.classes == filed.classes == ("person", "car")
    assert not list(channel.path.glob("*.partial*"))


@pytest.mark.parametrize(
    "names",
    [("bounding-box", "source-ref"), ("bounding-box-metadata", "source-ref", "bounding-box")],
)
def test_attributes_in_any_order(manifest, channel, names):
    with agent(channel, sent(manifest, names)):
        piped = data.read(materialise(channel, names))
    same(piped, data.read(manifest / "train.manifest"))
    assert len(piped.classes) == 2
    if len(names) == 3:
        assert piped.classes == ("person", "car"), "metadata name the classes"


@pytest.mark.parametrize("names", [NAMES, NAMES[::-1], ("bounding-box-metadata", "source-ref", "bounding-box")])
def test_without_names_the_pictures_tell(manifest, channel, tmp_path, names):
    """A container is not told AttributeNames."""
    with agent(channel, sent(manifest, names)):
        same(data.read(materialise(channel, (), tmp_path / "own")), data.read(manifest / "train.manifest"))


def test_one_sample_alone(manifest, channel):
    line = (manifest / "train.manifest").read_text(encoding="utf-8").splitlines()[0]
    with agent(channel, of_manifest(line, NAMES[::-1], local_objects(manifest))):
        assert len(data.read(materialise(channel))) == 1


def test_files_of_recordio_come_as_they_are(channel, tmp_path):
    stated = stills(tmp_path / "made", count=8)
    data.convert(stated, tmp_path / "rec", to="recordio")
    parts = [tmp_path / "rec" / f"{part}.rec" for part in ("train", "val")]
    content = of_files([f"{BUCKET}{part.name}" for part in parts], local_objects(tmp_path / "rec"))
    with agent(channel, content):
        place = materialise(channel, classes=stated.classes)
    assert place.read_bytes() == b"".join(part.read_bytes() for part in parts)
    piped = data.read(place)
    same(piped, stated)
    assert piped.classes == stated.classes


def test_three_epochs_of_which_one_is_closed_early(manifest, channel):
    """What the stand-in itself promises: the next pipe comes when the last was closed, and EPIPE ends an epoch only."""
    counts = []
    with agent(channel, sent(manifest, seed=1), epochs=3) as pipes:
        for epoch, most in enumerate((None, 3, None)):
            pipe = channel.fifo(epoch)
            assert not channel.fifo(epoch + 1).exists()
            with pipe.open("rb", buffering=0) as stream:
                taken = list(itertools.islice(records(stream, name=pipe), most))
            counts.append(len(taken))
            if epoch < 2:
                wait_for(channel.fifo(epoch + 1))
    assert counts == [10, 3, 10]
    assert [e.number for e in pipes.served] == [0, 1, 2]
    assert pipes.served[0].whole
    assert pipes.served[2].whole
    assert pipes.failure is None


def test_an_early_close_is_epipe_for_the_agent(channel):
    large = [encode_record(bytes(1 << 20))] * 3
    with agent(channel, lambda _: large, epochs=2) as pipes:
        with channel.fifo(0).open("rb", buffering=0) as stream:
            assert stream.read(1 << 16)
        wait_for(channel.fifo(1))
        with channel.fifo(1).open("rb") as stream:
            assert sum(1 for _ in records(stream)) == 3
    first, second = pipes.served
    assert not first.whole
    assert first.sent < len(large[0])
    assert second.whole
    assert second.sent == 3 * len(large[0])


def wait_for(path: Path) -> None:
    for _ in range(6000):
        if path.exists():
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"no {path} after a minute")


JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
BAD = {
    "no wrapper": ([JPEG, b'{"annotations": []}'], NAMES, "begins with ffd8ffe0. Set RecordWrapperType"),
    "a sample cut short": ([encode_record(v) for v in (JPEG, b"{}", JPEG)], NAMES, "sample 1 ends after 1"),
    "a record cut short": ([encode_record(JPEG)[:-8]], NAMES, "record 0 at byte 0 announces"),
    "another order": ([encode_record(v) for v in (b"{}", JPEG)], NAMES, "Record 0 of sample 0 must be its picture"),
    "labels and no picture": ([encode_record(b"{}")] * 50, (), "Record 0 of sample 0 must be its picture"),
    "records in a record": ([encode_record(encode_record(JPEG))], (), "Leave RecordWrapperType out"),
    "nothing": ([], NAMES, "ended without any"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_told_and_leaves_nothing(channel, name):
    content, names, message = BAD[name]
    with agent(channel, lambda _: content), pytest.raises(DataError, match=message):
        materialise(channel, names)
    assert not list(channel.path.glob("*"))


PIECES = st.one_of(
    st.sampled_from([encode_record(v) for v in (JPEG, b"{}", b'{"annotations": []}', b"", bytes(40))]),
    st.sampled_from([JPEG, encode_record(JPEG)[:-3], b"\n\x23\xd7\xce", b"\xff" * 8]),
    st.binary(max_size=12),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=8).map(b"".join), st.sampled_from([(), NAMES, NAMES[::-1]]))
def test_whatever_comes_is_records_or_an_error(content, names):
    """What is written is whole and holds what came; here the pipe is a file, which reads the same."""
    with tempfile.TemporaryDirectory() as folder:
        channel = Channel("train", Path(folder) / "train", "Pipe")
        channel.fifo(0).write_bytes(content)
        try:
            place = materialise(channel, names)
        except DataError:
            assert not list(Path(folder).glob("train/*"))
            return
        with RecordReader(place) as reader:
            assert sorted(reader) == sorted(records(io.BytesIO(content)))


def test_a_channel_without_a_pipe_and_attributes_without_a_picture(channel):
    with pytest.raises(MissingFileError, match=r"there is no .*train_0 after 0.1 s"):
        materialise(channel, NAMES, wait=0.1)
    for names in (("bounding-box",), ("a-ref", "b-ref")):
        with pytest.raises(ConfigError, match="one must be the picture"):
            materialise(channel, names, wait=0.1)


def test_memory_stays_flat(channel):
    """64 MB flow through in a few pieces of a record each."""
    picture, count = JPEG + os.urandom(1 << 18), 256

    def content(_):
        for _ in range(count):
            yield encode_record(picture)
            yield encode_record(b'{"annotations": []}')

    with agent(channel, content):
        tracemalloc.start()
        place = materialise(channel, NAMES)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert place.stat().st_size > 64 << 20
    assert peak < 8 << 20
    with RecordReader(place) as reader:
        assert len(reader) == 2 * count


FULL = """
import resource, sys
from pathlib import Path
from trackforge.errors import SinkError
from trackforge_sagemaker.opt_ml import OptMl
from trackforge_sagemaker.pipe import materialise

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))  # as if the disk were full
try:
    materialise(OptMl(sys.argv[1]).channels["train"], ("source-ref", "bounding-box"))
except SinkError as error:
    sys.exit(f"SinkError: {error}")
"""


def test_a_full_disk_is_told_and_nothing_is_left(channel, tmp_path):
    picture = JPEG + bytes(50_000)
    content = [encode_record(picture), encode_record(b"{}")] * 40
    with agent(channel, lambda _: content) as pipes:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(FULL), str(tmp_path / "ml")],
            capture_output=True,
            text=True,
            check=False,
        )
        wait_for(channel.fifo(1))
    assert done.returncode == 1, done.stderr
    assert "make room there" in done.stderr
    assert "VolumeSizeInGB" in done.stderr
    assert not list(channel.path.glob("*"))
    assert not pipes.served[0].whole, "whose reader went away"


def test_the_example_of_the_page_runs(manifest, channel, tmp_path, monkeypatch):
    (block,) = [one for one in blocks(ROOT / "docs/sagemaker.md") if one.test.endswith(Path(__file__).name)]
    (tmp_path / "set").symlink_to(manifest)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(block.text, block.place, "exec"), names)
    same(names["people"], data.read(manifest / "train.manifest"))


@pytest.mark.sagemaker
def test_the_same_from_s3(manifest, channel):
    """The agent gets manifest and pictures out of S3, moto's, by boto3."""
    with moto_server() as address:
        boto3 = importlib.import_module("boto3")
        session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
        client = session.client("s3", endpoint_url=address)
        client.create_bucket(Bucket="bucket")
        for file in sorted(path for path in manifest.rglob("*") if path.is_file()):
            client.upload_file(str(file), "bucket", file.relative_to(manifest).as_posix())
        get = s3_objects(client)
        text = get(f"{BUCKET}train.manifest").decode()
        with agent(channel, of_manifest(text, NAMES, get), epochs=3) as pipes:
            place = materialise(channel, NAMES, classes=("person", "car"))
            wait_for(channel.fifo(1))
            with channel.fifo(1).open("rb", buffering=0) as stream:
                next(records(stream))
            wait_for(channel.fifo(2))
            with channel.fifo(2).open("rb") as stream:
                assert sum(1 for _ in records(stream)) == 10
    assert [e.number for e in pipes.served] == [0, 1, 2]
    same(data.read(place), data.read(manifest / "train.manifest"))
