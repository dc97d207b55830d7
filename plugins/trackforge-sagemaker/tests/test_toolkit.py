"""The functions for AWS's toolkits, called as the toolkits call them; under the real servers: test_hosting_aws.py."""

from __future__ import annotations

import inspect
import json

import pytest
from bright_model import HEIGHT, WIDTH, png, scene, write_film, write_model
from hosted import tracked

import trackforge
from trackforge.errors import TrackforgeError
from trackforge_sagemaker import toolkit, toolkit_transform


class Context:
    """What the toolkits hand over, as far as their documentation says."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.status, self.given = 200, {}

    def get_all_request_header(self, idx):
        return {**self.headers, "body": {"content-type": "image/png"}}  # MMS adds such an entry for each part

    def set_response_header(self, idx, key, value):
        self.given[key] = value

    def set_response_status(self, code=200, phrase="", idx=0):
        self.status = code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("ml") / "model")


@pytest.fixture(scope="module")
def model(folder):
    handler = toolkit.model_fn(str(folder))
    yield handler
    handler.engine.close(0)


def four(model, body, content_type, accept, context):
    """Call the four functions."""
    data = toolkit.input_fn(body, content_type, context)
    return toolkit.output_fn(toolkit.predict_fn(data, model, context), accept, context)


def test_both_forms_take_what_the_toolkits_give():
    """They count parameters: as many as they have arguments, or one more, which is the context."""
    for function, arguments in (
        (toolkit.model_fn, 1), (toolkit.input_fn, 2), (toolkit.predict_fn, 2), (toolkit.output_fn, 2),
        (toolkit_transform.model_fn, 1), (toolkit_transform.transform_fn, 4),
    ):  # fmt: skip
        assert len(inspect.signature(function).parameters) == arguments + 1
    assert not {"input_fn", "predict_fn", "output_fn"} & set(toolkit_transform.__all__)


@pytest.mark.parametrize("ask", [four, toolkit_transform.transform_fn], ids=["four", "transform"])
def test_a_session_is_tracked_as_offline(ask, model, folder):
    detector = trackforge.detector("yolox", weights=str(folder / "model.onnx"), size=(HEIGHT, WIDTH), nms=0.2)
    context = Context(X_Amzn_SageMaker_Session_Id="NEW_SESSION")
    given = []
    for image in scene(3, 8):
        body, kind = ask(model, bytearray(png(image)), "image/png", "application/json", context)
        assert kind == "application/json"
        given.append(json.loads(body))
        if "x-amzn-sagemaker-new-session-id" in context.given:
            identity = context.given["x-amzn-sagemaker-new-session-id"].partition(";")[0]
            context = Context(X_Amzn_SageMaker_Session_Id=identity)
    assert given == tracked(detector, 3, 8)
    ask(model, '{"requestType": "CLOSE"}', "application/json", "application/json", context)
    assert context.given["x-amzn-sagemaker-closed-session-id"] == identity
    body, kind = ask(model, png(image), "image/png", "application/json", context)
    assert (context.status, kind) == (410, "application/problem+json")
    assert json.loads(body)["title"] == "Gone"


def test_films_are_answered_from_memory(model, tmp_path):
    film = write_film(tmp_path / "x.mp4", 1, 10).read_bytes()
    body, kind = four(model, film, "video/mp4", "application/json;format=bytetrack", None)
    assert kind == "application/json"
    assert json.loads(body)[0].startswith("0,1,")
    assert list(model.folder.iterdir()) == []


def test_without_a_context_refusals_are_raised(model):
    with pytest.raises(TrackforgeError, match="picture"):
        four(model, b"nonsense", "image/png", "application/json", None)
