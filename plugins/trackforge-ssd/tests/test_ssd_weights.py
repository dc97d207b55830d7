"""Files of every dialect: what they hold is found out, kept and given back; what is foreign or damaged is said."""

from __future__ import annotations

import dataclasses
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trackforge.errors import ConfigError, TrackforgeError, WeightsError
from trackforge.io.model_archive import read_artefact, write_artefact
from trackforge.io.mxnet_params import read_params, write_params
from trackforge.models import Given
from trackforge_ssd.anchors import anchor_constants
from trackforge_ssd.cards import make_card, variant_of
from trackforge_ssd.conversion import to_dialect
from trackforge_ssd.detector import SsdDetector, SsdDetectorConfig
from trackforge_ssd.export import ExportConfig, export, write_sagemaker
from trackforge_ssd.model import SSD, initialise
from trackforge_ssd.names import dialect_names
from trackforge_ssd.preprocess import preprocessing
from trackforge_ssd.recognise import recognise
from trackforge_ssd.symbol import training_symbol
from trackforge_ssd.variants import VARIANTS, variant
from trackforge_ssd.weights import PUBLISHED, load_network, save_bundle

VGG, RESNET = "sagemaker-vgg16-300/16", "sagemaker-resnet50-300/16"


def same(a: SSD, b: SSD) -> bool:
    first, second = a.state_dict(), b.state_dict()
    return list(first) == list(second) and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", [VGG, RESNET, "sagemaker-resnet50-416/32", "sagemaker-vgg16-512/16"])
def test_an_artefact_becomes_a_bundle_and_an_artefact_again(
    name: str, tmp_path: Path, artefact: Callable[..., Path], seeded: Callable[..., SSD]
) -> None:
    path = artefact(name, 3)
    network, card = load_network(path, Given())
    assert card.variant == name
    assert card.classes == ("class 0", "class 1", "class 2")
    assert same(network, seeded(name, 3))
    save_bundle(tmp_path / "model.pth", network, card)
    again, known = load_network(tmp_path / "model.pth", Given())
    assert same(again, network)
    assert (known.classes, known.extra, known.preprocessing) == (card.classes, dict(card.extra), card.preprocessing)
    write_sagemaker(tmp_path / "again.tar.gz", again, known)
    assert (tmp_path / "again.tar.gz").read_bytes() == path.read_bytes()


@pytest.mark.golden
@pytest.mark.parametrize("name", ["resnet50_300_tiny", "vgg16_300_tiny"])
def test_a_real_artefact_loses_nothing_on_the_way(name: str, tmp_path: Path, golden_dir: Path) -> None:
    source = golden_dir / "mxnet" / name / "model.tar.gz"
    bundle = export(ExportConfig(weights=source, output=tmp_path / "model.pth"))
    back = export(ExportConfig(weights=bundle, output=tmp_path / "model.tar.gz"))
    with tarfile.open(source) as first, tarfile.open(back) as second:
        assert second.getnames() == first.getnames()
        for member in ("hyperparams.json", "model_algo_1-0000.params"):
            assert second.extractfile(member).read() == first.extractfile(member).read()
        graphs = [json.load(archive.extractfile("model_algo_1-symbol.json")) for archive in (first, second)]
    assert graphs[0] == graphs[1]


def test_what_an_artefact_says_beside_its_numbers_is_kept(tmp_path: Path, seeded: Callable[..., SSD]) -> None:
    """Other thresholds, anchors of other digits, names of files, an order of their own, as old artefacts have."""
    network = seeded(VGG, 2)
    v = network.variant
    levels = tuple(dataclasses.replace(a, ratios=tuple(round(r, 6) for r in a.ratios)) for a in v.levels)
    rule = dataclasses.replace(v.rule, limit=0.3, candidates=100, class_agnostic=True)
    odd = SSD(dataclasses.replace(v, levels=levels, rule=rule), 2).eval()
    odd.load_state_dict(network.state_dict())
    named = to_dialect(odd)
    params = {f"arg:{name}": named[name] for name in sorted(named)}
    hyperparameters = {"num_classes": "2", "image_shape": "300", "base_network": "vgg-16", "epochs": "7"}
    path = tmp_path / "model.tar.gz"
    symbol = training_symbol(odd.variant, 2, overlap=0.4)
    write_artefact(path, symbol, params, hyperparameters, prefix="boats", epoch=12, texts={"classes.txt": "a\nb\n"})
    detector = SsdDetector(SsdDetectorConfig(weights=path))
    assert detector.rule == dataclasses.replace(rule, score=0.1)
    assert detector.classes == ("a", "b")
    assert variant_of(detector.card).levels == levels
    bundle = export(ExportConfig(weights=path, to="trackforge", output=tmp_path / "boats.pth"))
    back = read_artefact(export(ExportConfig(weights=bundle, output=tmp_path / "back.tar.gz")))
    assert list(back.params) == list(params)
    assert (back.symbol_name, back.params_name, back.epoch) == ("boats-symbol.json", "boats-0012.params", 12)
    assert back.hyperparameters == hyperparameters
    assert json.loads(back.symbol) == json.loads(symbol)


def test_a_deployment_graph_is_taken_too(tmp_path: Path, artefact: Callable[..., Path]) -> None:
    """Cut after the detections, with labels gone and nodes numbered anew, as AWS's own script leaves it."""
    whole = read_artefact(artefact(RESNET, 2))
    graph = json.loads(whole.symbol)
    names = [node["name"] for node in graph["nodes"]]
    dropped = {"label", "multibox_target", "cls_label", "loc_loss", "loc_loss_", "_mul0", "_minus0", "det_out"}
    kept = [i for i, name in enumerate(names) if name not in dropped]
    number = {old: new for new, old in enumerate(kept)}
    nodes = []
    for old in kept:
        node = graph["nodes"][old]
        node["inputs"] = [[number[i], place, version] for i, place, version in node["inputs"] if i in number]
        if node["name"] == "detection":
            node["attrs"] |= {"force_suppress": "True", "nms_threshold": "0.5"}
        if node["op"] in ("Flatten", "transpose") and not node["name"].startswith("multibox"):
            node["name"] += "_other"
        nodes.append(node)
    (tmp_path / "deploy-symbol.json").write_text(
        json.dumps({**graph, "nodes": nodes, "heads": [[len(nodes) - 1, 0, 0]]})
    )
    write_params(tmp_path / "deploy-0003.params", whole.params)
    with pytest.raises(WeightsError, match="must say the size of its input"):
        load_network(tmp_path / "deploy-symbol.json", Given())
    for given in (Given(size=(300, 300)), Given(variant=RESNET)):
        network, card = load_network(tmp_path / "deploy-symbol.json", given)
        assert card.variant == RESNET
        assert network.variant.rule.class_agnostic
        assert network.variant.rule.limit == 0.5


@pytest.mark.parametrize(
    ("base", "mean", "way"),
    [
        (RESNET, 110.0, "raw"),
        (RESNET, 0.3, "mean"),
        (RESNET, -95.0, "mean"),
        (RESNET, 30.0, "raw"),
        (VGG, None, "raw"),
        (VGG, "mean", "mean"),
    ],
)
def test_preprocessing_is_read_off_the_norm_of_the_input(
    base: str, mean: Any, way: str, tmp_path: Path, artefact: Callable[..., Path]
) -> None:
    whole = read_artefact(artefact(base, 2))
    params = dict(whole.params)
    if isinstance(mean, float):
        params["aux:bn_data_moving_mean"] = np.full(3, mean, np.float32)
    write_artefact(tmp_path / "m.tar.gz", whole.symbol, params, whole.hyperparameters)
    _, card = load_network(tmp_path / "m.tar.gz", Given(preprocessing="mean" if mean == "mean" else "auto"))
    assert card.preprocessing == preprocessing(way, (300, 300))
    with pytest.raises(ConfigError, match="raw or mean"):
        load_network(tmp_path / "m.tar.gz", Given(preprocessing="gluoncv"))


@pytest.mark.parametrize("base", [VGG, RESNET])
@pytest.mark.parametrize("way", ["raw", "mean"])
def test_preprocessing_goes_into_an_artefact_and_out_again(
    base: str, way: str, tmp_path: Path, artefact: Callable[..., Path]
) -> None:
    source = artefact(base, 2)
    bundle = export(ExportConfig(weights=source, to="trackforge", preprocessing=way, output=tmp_path / "m.pth"))
    back = export(ExportConfig(weights=bundle, output=tmp_path / "back.tar.gz"))
    assert load_network(back, Given())[1].preprocessing == preprocessing(way, (300, 300))
    again = export(ExportConfig(weights=back, to="sagemaker", output=tmp_path / "again.tar.gz"))
    assert again.read_bytes() == back.read_bytes()
    assert (back.read_bytes() == source.read_bytes()) == (way == "raw")  # what numbers show is not written
    other = {"raw": "mean", "mean": "raw"}[way]
    assert load_network(back, Given(preprocessing=other))[1].preprocessing == preprocessing(other, (300, 300))


@pytest.mark.parametrize("size", [(512, 512), (300, 512)])
def test_a_size_that_an_artefact_does_not_have_is_refused(size: tuple[int, int], artefact: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="size must be 300,300"):
        SsdDetector(SsdDetectorConfig(weights=artefact(VGG, 3), size=size))
    assert SsdDetector(SsdDetectorConfig(weights=artefact(VGG, 3), size=(300, 300))).card.preprocessing.size == (
        300,
        300,
    )


def test_a_zip_that_inflates_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("ssd.params", "w") as member:
        for _ in range(65):
            member.write(bytes(2**20))
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(WeightsError, match=r"bomb\.zip must unpack to at most 67,108,864 bytes"):
        load_network(path, Given())


def edited(
    artefact: Path, target: Path, change: Callable[[dict[str, Any], dict[str, Any], dict[str, str]], None]
) -> Path:
    whole = read_artefact(artefact)
    graph, params, words = json.loads(whole.symbol), dict(whole.params), dict(whole.hyperparameters)
    change(graph, params, words)
    write_artefact(target, json.dumps(graph), params, words)
    return target


def node(graph: dict[str, Any], name: str) -> dict[str, Any]:
    return next(n for n in graph["nodes"] if n["name"] == name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g, p, w: w.update(num_classes="7"), "says, 7; its graph tells 3 apart"),
        (lambda g, p, w: w.update(image_shape="512"), "must have 7 maps for an input of 512; its graph has 6"),
        (lambda g, p, w: w.update(image_shape="many"), "its graph is another one"),
        (lambda g, p, w: node(g, "relu4_3_norm")["attrs"].update(mode="instance"), "'relu4_3_norm' has mode=instance"),
        (lambda g, p, w: node(g, "conv3_2")["attrs"].update(kernel="(5, 5)"), r"'conv3_2' has kernel=\(5, 5\)"),
        (lambda g, p, w: node(g, "pool3")["attrs"].pop("pooling_convention"), "'pool3' has pooling_convention=valid"),
        (lambda g, p, w: node(g, "relu4_3_norm")["attrs"].pop("mode"), "'relu4_3_norm' has mode=instance"),
        (lambda g, p, w: node(g, "relu4_3_norm")["attrs"].update(eps="1e-5"), "'relu4_3_norm' has eps=1e-5"),
        (lambda g, p, w: node(g, "conv3_2")["attrs"].update(num_group="2"), "'conv3_2' has num_group=2"),
        (lambda g, p, w: node(g, "relu7_anchors")["attrs"].update(offsets="(0.2, 0.2)"), r"has offsets=\(0\.2, 0\.2\)"),
        (lambda g, p, w: node(g, "detection")["attrs"].update(variances="(1,1,1,1)"), r"detection has variances=\(1"),
        (lambda g, p, w: node(g, "detection")["attrs"].update(background_id="3"), "detection has background_id=3"),
        (lambda g, p, w: node(g, "detection")["attrs"].update(nms_threshold="0"), "detection has nms_threshold=0"),
        (lambda g, p, w: node(g, "detection")["attrs"].update(nms_threshold="-1"), "detection has nms_threshold=-1"),
        (lambda g, p, w: node(g, "relu5_1").update(op="LeakyReLU"), "'relu5_1' is LeakyReLU, not Activation"),
        (lambda g, p, w: node(g, "conv1_2")["inputs"].pop(), "'conv1_2' takes 2 inputs, not 3"),
        (lambda g, p, w: node(g, "multibox_loc_pred").update(name="other"), "it has no node 'multibox_loc_pred'"),
        (lambda g, p, w: node(g, "conv1_2").update(inputs=[[900, 0, 0]]), "each after its inputs"),
        (lambda g, p, w: g.update(nodes=3), "must list nodes"),
        (lambda g, p, w: p.pop("arg:conv5_1_weight"), "conv5_1.weight is missing"),
        (lambda g, p, w: p.update({"arg:fc6_weight": np.zeros((3, 3), np.float32)}), "fc6.weight has shape"),
        (lambda g, p, w: p.update({"arg:fc9_weight": np.zeros(3, np.float32)}), "fc9_weight is not expected"),
        (lambda g, p, w: p.update({"arg:fc7_bias": np.full(64, np.nan, np.float32)}), "must be finite"),
    ],
)  # fmt: skip
def test_a_foreign_graph_or_other_numbers_are_told_where_they_differ(
    change: Any, message: str, tmp_path: Path, artefact: Callable[..., Path]
) -> None:
    path = edited(artefact(VGG, 3), tmp_path / "model.tar.gz", change)
    with pytest.raises(WeightsError, match=message) as told:
        load_network(path, Given())
    assert "model.tar.gz" in str(told.value)


@pytest.mark.parametrize(
    ("setting", "message"), [("eps", "has eps=0.001"), ("fix_gamma", "has fix_gamma=True"), ("no_bias", "has no_bias")]
)
def test_what_a_graph_leaves_out_is_as_mxnet_has_it(
    setting: str, message: str, tmp_path: Path, artefact: Callable[..., Path]
) -> None:
    def leave_out(graph: dict[str, Any], params: dict[str, Any], words: dict[str, str]) -> None:
        for entry in graph["nodes"]:
            if entry["op"] != "null":
                entry.get("attrs", {}).pop(setting, None)

    path = edited(artefact(RESNET, 3), tmp_path / "model.tar.gz", leave_out)
    with pytest.raises(WeightsError, match=message):
        load_network(path, Given())


def test_settings_that_change_nothing_may_be_written_or_not(tmp_path: Path, artefact: Callable[..., Path]) -> None:
    """As other versions of MXNet have them: defaults spelt out, hidden attributes, hints for the GPU."""

    def spell_out(graph: dict[str, Any], params: dict[str, Any], words: dict[str, str]) -> None:
        spelt = {
            "Convolution": {"dilate": "(1,1)", "num_group": "1", "layout": "None", "cudnn_off": "False"},
            "BatchNorm": {"axis": "1", "use_global_stats": "False", "eps": "0.00002", "output_mean_var": "False"},
            "Pooling": {"global_pool": "False", "pooling_convention": "valid"},
            "_contrib_MultiBoxPrior": {"offsets": "(0.5,0.5)"},
            "_contrib_MultiBoxDetection": {"background_id": "0", "threshold": "0.01"},
        }
        for entry in graph["nodes"]:
            if entry["op"] in spelt:
                entry["attrs"] |= spelt[entry["op"]] | {"__lr_mult__": "2", "ctx_group": "dev1"}
            if entry["op"] == "Concat":
                del entry["attrs"]["num_args"]

    path = edited(artefact(RESNET, 3), tmp_path / "model.tar.gz", spell_out)
    assert load_network(path, Given())[1].variant == RESNET


@pytest.mark.parametrize("kept", [0, 100, 5_000, -200])
def test_a_damaged_archive_is_an_error_with_its_name(kept: int, tmp_path: Path, artefact: Callable[..., Path]) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(artefact(VGG, 3).read_bytes()[:kept])
    with pytest.raises(TrackforgeError, match=r"model\.tar\.gz"):
        load_network(path, Given())


JUNK = ("", "x", "-1", "0", "99999999999999999999", "((((", "(1,", "[]", "nan", "(0, 0)", "1e309", "\0")
VALUES = (None, [], {}, "a", -1, 2**40, [[0]], [["a", 0, 0]], [[0.5, 0, 0]], [[-1, 0, 0]], {"nodes": 1})


@pytest.mark.parametrize("name", [VGG, RESNET])
def test_any_damage_to_a_graph_is_an_error_of_ours(name: str, artefact: Callable[..., Path]) -> None:
    whole = read_artefact(artefact(name, 2))
    r = np.random.RandomState(5)
    refused = 0
    for _ in range(60):
        graph, words = json.loads(whole.symbol), dict(whole.hyperparameters)
        for _ in range(r.randint(1, 3)):
            entry = graph["nodes"][r.randint(len(graph["nodes"]))]
            attrs = entry.setdefault("attrs", {})
            kind = r.randint(4)
            if kind == 0 and attrs:
                attrs[sorted(attrs)[r.randint(len(attrs))]] = JUNK[r.randint(len(JUNK))]
            elif kind == 1:
                entry[("inputs", "op", "name", "attrs")[r.randint(4)]] = VALUES[r.randint(len(VALUES))]
            elif kind == 2:
                graph["nodes"].pop(r.randint(len(graph["nodes"])))
                break
            else:
                words[("image_shape", "num_classes")[r.randint(2)]] = JUNK[r.randint(len(JUNK))]
        try:
            recognise(json.dumps(graph), words, origin="m.tar.gz")
        except TrackforgeError:
            refused += 1
    assert refused > 20


def test_a_graph_that_announces_more_than_the_file_holds_takes_no_memory(tmp_path: Path, artefact: Any) -> None:
    def many(graph: dict[str, Any], params: dict[str, Any], words: dict[str, str]) -> None:
        words["num_classes"] = "90000"
        for entry in graph["nodes"]:
            if entry["name"].endswith("_cls_pred_conv") or "_cls_pred_conv_weight" in entry["name"]:
                count = int(entry["attrs"]["num_filter"]) // 4
                entry["attrs"]["num_filter"] = str(count * 90001)
            if entry["name"] == "reshape0":
                entry["attrs"]["shape"] = "(0, -1, 90001)"

    path = edited(artefact(VGG, 3), tmp_path / "m.tar.gz", many)
    with pytest.raises(WeightsError, match=r"class_heads\.0\.weight has shape|number of classes"):
        load_network(path, Given())


def test_an_artefact_of_another_network_says_who_runs_it(tmp_path: Path) -> None:
    graph = {"nodes": [{"op": "null", "name": "data", "inputs": []}], "arg_nodes": [0], "heads": [[0, 0, 0]]}
    write_artefact(tmp_path / "m.tar.gz", json.dumps(graph), {"arg:x": np.zeros(2, np.float32)}, {})
    with pytest.raises(WeightsError, match="with the detector 'mxnet'"):
        load_network(tmp_path / "m.tar.gz", Given())


# GluonCV


def gluoncv_file(path: Path, network: SSD, data: str = "") -> Path:
    v = variant(network.variant.name.replace("-coco", f"-{data}")) if data else network.variant
    params = dict(to_dialect(network))
    cells = [38, 19, 16, 16, 16, 16, 16][: len(v.levels)]
    params |= {f"anchor_generators.{i}.anchors": a for i, a in enumerate(anchor_constants(v, cells))}
    write_params(path, params)
    return path


@pytest.mark.parametrize(
    "base", ["gluoncv-vgg16-300-coco/16", "gluoncv-resnet50-512-coco/32", "gluoncv-vgg16-512-coco/32"]
)
def test_a_file_of_gluoncv_is_known_by_layers_and_anchors(
    base: str, tmp_path: Path, seeded: Callable[..., SSD]
) -> None:
    network = seeded(base, 20)
    for data in ("coco", "voc"):
        path = gluoncv_file(tmp_path / f"{data}.params", network, data)
        read, card = load_network(path, Given())
        # At 512 pixels, VGG-16 has the same anchors for both, and the number of classes decides.
        assert card.variant == base.replace("coco", "voc" if "vgg16-512" in base else data)
        assert len(card.classes) == 20
        assert card.classes[14] == "person"  # twenty classes are VOC's, whatever the anchors
        assert same(read, network)
    with zipfile.ZipFile(tmp_path / "published.zip", "w") as archive:
        archive.write(tmp_path / "coco.params", "ssd.params")
    assert same(load_network(tmp_path / "published.zip", Given())[0], network)


def test_other_anchors_of_gluoncv_are_refused(tmp_path: Path, seeded: Callable[..., SSD]) -> None:
    path = gluoncv_file(tmp_path / "m.params", seeded("gluoncv-vgg16-300-coco/16", 20))
    params = read_params(path)
    params["anchor_generators.2.anchors"] = params["anchor_generators.2.anchors"] * 2
    write_params(path, params)
    with pytest.raises(WeightsError, match=r"must have the anchors of gluoncv-vgg16-300-coco/16 or"):
        load_network(path, Given())
    with pytest.raises(WeightsError, match="belongs to another model"):
        load_network(Path(_saved(tmp_path / "x.params", {"features.0.weight": np.zeros(3, np.float32)})), Given())


def _saved(path: Path, params: dict[str, Any]) -> Path:
    write_params(path, params)
    return path


# torchvision


def torchvision_keys(classes: int) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of ``ssd300_vgg16``, in torchvision's order, written down independently of the plugin."""
    out: dict[str, tuple[int, ...]] = {"backbone.scale_weight": (512,)}

    def conv(name: str, inputs: int, outputs: int, kernel: int) -> int:
        out[f"{name}.weight"], out[f"{name}.bias"] = (outputs, inputs, kernel, kernel), (outputs,)
        return outputs

    channels = 3
    for place, width in zip(
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21), (64, 64, 128, 128, *[256] * 3, *[512] * 3), strict=True
    ):
        channels = conv(f"backbone.features.{place}", channels, width, 3)
    for place in (1, 3, 5):
        conv(f"backbone.extra.0.{place}", 512, 512, 3)
    conv("backbone.extra.0.7.1", 512, 1024, 3)
    conv("backbone.extra.0.7.3", 1024, 1024, 1)
    channels = 1024
    for i, (a, b) in enumerate([(256, 512), (128, 256), (128, 256), (128, 256)], start=1):
        conv(f"backbone.extra.{i}.0", channels, a, 1)
        channels = conv(f"backbone.extra.{i}.2", a, b, 3)
    for head, columns in (("classification", 1 + classes), ("regression", 4)):
        for i, (width, boxes) in enumerate(zip((512, 1024, 512, 256, 256, 256), (4, 6, 6, 6, 4, 4), strict=True)):
            conv(f"head.{head}_head.module_list.{i}", width, boxes * columns, 3)
    return out


def test_torchvisions_keys_shapes_and_numbers_are_ours() -> None:
    with torch.device("meta"):
        network = SSD("torchvision-vgg16-300", 90)
    assert sum(p.numel() for p in network.parameters()) == 35_641_826
    theirs = dialect_names(network.variant)
    shapes = {theirs[key]: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes == torchvision_keys(90)
    assert PUBLISHED.files["torchvision-vgg16-300", ".pth"].file == "ssd300_vgg16_coco-b556d3b4.pth"


def test_a_checkpoint_of_torchvision_is_known(tmp_path: Path, seeded: Callable[..., SSD]) -> None:
    network = seeded("torchvision-vgg16-300/16", 90)
    state = {name: torch.from_numpy(array.copy()) for name, array in to_dialect(network).items()}
    torch.save(state, tmp_path / "ssd300.pth")
    read, card = load_network(tmp_path / "ssd300.pth", Given())
    assert same(read, network)
    assert (card.classes[0], card.classes[11], card.classes[89]) == ("person", "street sign", "toothbrush")
    assert card.preprocessing.to_dict()["mean"] == [0.48235, 0.45882, 0.40784]
    torch.save({k: v for k, v in state.items() if "features.21" not in k}, tmp_path / "cut.pth")
    with pytest.raises(WeightsError, match=r"conv4_3\.weight is missing"):
        load_network(tmp_path / "cut.pth", Given())
    torch.save({"layer.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="must hold an SSD of SageMaker, GluonCV"):
        load_network(tmp_path / "other.pth", Given())


# all


@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_has_a_name_in_its_dialect(name: str) -> None:
    with torch.device("meta"):
        network = SSD(name, 5)
    keys = [key for key in network.state_dict() if not key.endswith("num_batches_tracked")]
    theirs = dialect_names(network.variant)
    assert sorted(theirs) == sorted(keys)
    assert len(set(theirs.values())) == len(theirs)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"levels": [{"sizes": [1], "ratios": [1], "step": None}]}, "another number"),
        ({"rule": {"limits": 3}}, "Export them anew"),
        ({"levels": 3}, "Export them anew"),
    ],
)
def test_a_card_that_describes_no_ssd_is_refused(extra: dict[str, Any], message: str) -> None:
    v = variant(VGG)
    card = dataclasses.replace(make_card(v, ["a"], preprocessing("raw", (300, 300))), extra=extra)
    with pytest.raises(WeightsError, match=message):
        variant_of(card)
    with pytest.raises(WeightsError, match="'yolox'"):
        variant_of(dataclasses.replace(card, component="yolox"))


def test_a_network_begins_as_the_dialects_begin() -> None:
    network = SSD("sagemaker-vgg16-300/16", 3)
    initialise(network)
    state = network.state_dict()
    assert all(not value.any() for key, value in state.items() if key.endswith("bias"))
    assert (state["backbone.norm.scale"] == 20).all()
    bound = (6 / (9 * (4 + 3))) ** 0.5
    assert state["backbone.conv1_1.weight"].abs().max() <= bound
    assert state["backbone.conv1_1.weight"].abs().max() > 0.9 * bound
