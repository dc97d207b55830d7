"""Right weights load; wrong ones say what is wrong."""

from __future__ import annotations

import functools
import hashlib
import http.server
import pickle
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from trackforge.errors import ConfigError, WeightsError
from trackforge.models import KEY, Given, ModelCard, Preprocessing
from trackforge.models.checkpoints import load, read_checkpoint
from trackforge_yolox.export import ExportConfig
from trackforge_yolox.model import YOLOX
from trackforge_yolox.preprocess import preprocessing
from trackforge_yolox.variants import VARIANTS, variant
from trackforge_yolox.weights import PUBLISHED, load_network, published_files


@pytest.mark.parametrize(("wrap", "prefix"), [("model", ""), ("state_dict", "module."), ("", "")])
def test_every_wrapping_of_a_checkpoint_is_read(checkpoint, wrap: str, prefix: str) -> None:
    network, card = load_network(checkpoint("yolox-nano", wrap=wrap, prefix=prefix), Given())
    assert card.variant == "yolox-nano"
    assert card.preprocessing == Preprocessing(size=(416, 416))
    assert card.classes == VARIANTS["yolox-nano"].classes
    assert not network.training


def test_real_weights_load_strictly(data_dir: Path) -> None:
    path = data_dir / "weights" / "yolox_nano_coco_torch.pth"
    network, card = load_network(path, Given())
    state = read_checkpoint(path).state
    assert card.variant == "yolox-nano"
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_weights_of_another_variant_name_keys_and_shapes(checkpoint) -> None:
    path = checkpoint("yolox-nano")
    with pytest.raises(
        WeightsError, match=r"stem\.conv\.conv\.weight has shape \(16, 12, 3, 3\) where \(24, 12, 3, 3\)"
    ) as error:
        load_network(path, Given(variant="yolox-tiny"))
    assert "backbone.backbone.dark2.0.conv.weight is missing" in str(error.value)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"conv1.weight": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"must be of YOLOX.*conv1\.weight.*another model"):
        load_network(tmp_path / "other.pth", Given())


def test_an_unpublished_size_is_refused(tmp_path: Path, checkpoint) -> None:
    state = read_checkpoint(checkpoint("yolox-nano")).state
    key = "backbone.backbone.stem.conv.conv.weight"
    state[key] = torch.zeros(20, 12, 3, 3)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match="stem of 20 channels, 1 blocks"):
        load_network(tmp_path / "odd.pth", Given())


def test_own_classes_need_a_preprocessing(checkpoint) -> None:
    path = checkpoint("yolox-nano", classes=2)
    with pytest.raises(WeightsError, match="which preprocessing"):
        load_network(path, Given())
    network, card = load_network(path, Given(preprocessing="yolox"))
    assert network.head.classes == 2
    assert card.classes == ("class 0", "class 1")
    assert load_network(path, Given(preprocessing="yolox", classes=("cat", "dog")))[1].classes == ("cat", "dog")
    with pytest.raises(WeightsError, match="got 1 names for the 2 classes"):
        load_network(path, Given(preprocessing="yolox", classes=("cat",)))


def test_bytetrack_is_known_by_its_file_name_or_by_saying_so(checkpoint) -> None:
    for path, given in (
        (checkpoint("yolox-nano", classes=1, name="bytetrack_nano_mot17.pth.tar"), Given()),
        (checkpoint("yolox-nano", classes=1, name="mine.pth"), Given(variant="bytetrack-nano")),
    ):
        _, card = load_network(path, given)
        assert card.variant == "bytetrack-nano"
        assert card.preprocessing == preprocessing("bytetrack", (608, 1088))
        assert card.classes == ("person",)


def test_fine_tuning_loads_what_fits_and_says_what_does_not(checkpoint) -> None:
    state = read_checkpoint(checkpoint("yolox-nano")).state
    network = YOLOX("yolox-nano", 3)
    fresh = network.head.cls_preds[0].weight.clone()
    left = load(network, state, partial=True)
    assert len(left) == 6
    assert all("head.cls_preds" in line and "80" in line for line in left)
    assert torch.equal(network.head.cls_preds[0].weight, fresh)
    assert torch.equal(network.head.stems[0].conv.weight, state["head.stems.0.conv.weight"])


class _Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, capsys) -> None:
    torch.save({"model": _Evil()}, tmp_path / "evil.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(_Evil()))
    for name in ("evil.pth", "plain.pth"):
        with pytest.raises(WeightsError, match="must be a torch checkpoint"):
            read_checkpoint(tmp_path / name)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"PK\x03\x04 torn"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="must be a torch checkpoint"):
        read_checkpoint(tmp_path / "bad.pth")


def test_a_truncated_checkpoint_is_refused(tmp_path: Path, checkpoint) -> None:
    whole = checkpoint("yolox-nano").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="must be a torch checkpoint"):
        read_checkpoint(tmp_path / "cut.pth")


def test_a_checkpoint_that_describes_itself_needs_no_help(tmp_path: Path, checkpoint) -> None:
    state = read_checkpoint(checkpoint("yolox-nano", classes=2)).state
    card = ModelCard(
        component="yolox",
        classes=("cat", "dog"),
        preprocessing=preprocessing("legacy", (320, 512)),
        variant="yolox-nano",
        provenance={"trained": "today"},
    )
    torch.save({"model": state, KEY: card.to_json()}, tmp_path / "own.pth")
    assert load_network(tmp_path / "own.pth", Given())[1] == card
    assert load_network(tmp_path / "own.pth", Given(size=(64, 96)))[1].preprocessing.size == (64, 96)
    with pytest.raises(ConfigError, match="must be left out"):
        load_network(tmp_path / "own.pth", Given(preprocessing="yolox"))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 9, "classes": []}',
        '{"format": 1, "variant": "", "classes": [], "provenance": {}, "preprocessing": {"size": [1, 1]}}',
    ],
)
def test_an_unreadable_description_is_refused(text: str) -> None:
    with pytest.raises(WeightsError):
        ModelCard.from_json(text)


def test_names() -> None:
    assert variant("yolox-s").width == 0.5
    for make in (YOLOX, lambda name: ExportConfig(variant=name)):
        with pytest.raises(ConfigError, match="There is no variant 'yolo'"):
            make("yolo")
    with pytest.raises(ConfigError, match="Did you mean 'yolox-nano'"):
        variant("yolox-nanno")
    with pytest.raises(WeightsError, match="Did you mean 'yolox-tiny'"):
        PUBLISHED.resolve("yolox-tinny", ".pth")
    assert PUBLISHED.files["yolox-darknet53", ".onnx"].url.endswith("/0.1.1rc0/yolox_darknet.onnx")


def test_weights_by_name_come_once_and_are_checked(tmp_path: Path, monkeypatch, checkpoint) -> None:
    content = checkpoint("yolox-nano").read_bytes()
    served = tmp_path / "served"
    served.mkdir()
    (served / "yolox_nano.pth").write_bytes(content)
    handler = functools.partial(_Quiet, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path / "cache"))
    published = published_files(f"http://127.0.0.1:{server.server_port}")
    try:
        path = published.resolve("yolox-nano", ".pth")
    finally:
        server.shutdown()
        server.server_close()
    assert path == tmp_path / "cache" / "yolox" / "yolox_nano.pth"
    assert hashlib.sha256(content).hexdigest() in path.with_name("yolox_nano.pth.sha256").read_text()
    assert published.resolve("yolox-nano", ".pth") == path  # the server is gone: from the cache
    path.write_bytes(content[:-1])
    with pytest.raises(WeightsError, match="damaged or was replaced"):
        published.resolve("yolox-nano", ".pth")
    with pytest.raises(WeightsError, match=r"put it at .*yolox_tiny\.onnx"):
        published.resolve("yolox-tiny", ".onnx")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def test_bytetrack_by_name_says_where_to_put_the_file(tmp_path: Path, monkeypatch, checkpoint) -> None:
    monkeypatch.setenv("TRACKFORGE_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"put it at (.*bytetrack_s_mot17\.pth\.tar)"):
        PUBLISHED.resolve("bytetrack-s", ".pth")
    wanted = tmp_path / "yolox" / "bytetrack_nano_mot17.pth.tar"
    wanted.parent.mkdir()
    wanted.write_bytes(checkpoint("bytetrack-nano").read_bytes())
    assert PUBLISHED.resolve("bytetrack-nano", ".pth") == wanted


def test_priors_make_a_fresh_head_doubtful() -> None:
    network = YOLOX("yolox-nano", 3).eval()
    with torch.inference_mode():
        maps = network(torch.zeros(1, 3, 64, 64))
    probability = torch.cat([m[:, 4:].sigmoid().flatten() for m in maps])
    np.testing.assert_allclose(probability.median(), 0.01, atol=0.002)


def test_a_checkpoint_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 24))
    with pytest.raises(WeightsError, match="torch does not compress"):
        read_checkpoint(tmp_path / "bomb.pth")
