"""An artefact that we write runs in real MXNet, and gives what our network and our executor of its graph give."""

from __future__ import annotations

import importlib.util
import os
import warnings

import numpy as np
import pytest

import trackforge
from trackforge.types import Frame

pytestmark = [pytest.mark.mxnet, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", ["sagemaker-resnet50-300/16", "sagemaker-vgg16-300/16"])
def test_three_ways_to_run_it(name, tmp_path):
    if os.environ.get("TRACKFORGE_MXNET") != "required" and importlib.util.find_spec("mxnet") is None:
        pytest.skip("MXNet has an environment of its own: make test-mxnet")
    import torch

    from trackforge.io.model_archive import read_artefact
    from trackforge_mxnet.real import load_mxnet
    from trackforge_ssd.cards import make_card
    from trackforge_ssd.export import write_sagemaker
    from trackforge_ssd.model import SSD, initialise
    from trackforge_ssd.preprocess import preprocessing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mx = load_mxnet()
    torch.manual_seed(0)
    network = SSD(name, 3).eval()
    initialise(network)
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    values = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
    with torch.no_grad():
        for head, at in zip(network.class_heads, network.features(values), strict=True):
            head.weight.normal_()
            head.weight.mul_(1.5 / float(head(at).std()))  # scores as spread as those of a trained network
    card = make_card(network.variant, ["a", "b", "c"], preprocessing("raw", (300, 300)))
    path = tmp_path / "model.tar.gz"
    write_sagemaker(path, network, card)

    artefact = read_artefact(path)
    symbol = mx.sym.load_json(artefact.symbol)
    bound = symbol.simple_bind(mx.cpu(), data=(1, 3, 300, 300), label=(1, 1, 5), grad_req="null")
    arrays = {key: mx.ndarray.array(value) for key, value in artefact.params.items()}
    bound.copy_params_from(
        {key[4:]: value for key, value in arrays.items() if key.startswith("arg:")},
        {key[4:]: value for key, value in arrays.items() if key.startswith("aux:")},
    )
    data = mx.ndarray.array(image.transpose(2, 0, 1)[None].astype(np.float32))
    rows = bound.forward(is_train=False, data=data, label=mx.ndarray.ones((1, 1, 5)) * -1)[3].asnumpy()[0]
    rows = rows[rows[:, 0] >= 0]
    assert len(rows) > 20
    for found in ("mxnet", "ssd"):
        detector = trackforge.detector(found, weights=path, score=0.01, preprocessing="raw")
        [ours] = detector.detect([Frame(index=0, image=image)])
        assert len(ours) == len(rows)
        np.testing.assert_allclose(ours.score, rows[:, 1], atol=1e-5)
        # scores closer than that may change places
        wanted = {(int(row[0]), *np.round(row[2:] * 300).tolist()) for row in rows}
        near = [(int(c), *np.round(box).tolist()) in wanted for c, box in zip(ours.class_id, ours.xyxy, strict=True)]
        assert np.mean(near) > 0.95
