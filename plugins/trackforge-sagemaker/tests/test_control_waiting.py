"""What moto does at once or not at all: things that take time, endpoints that are updated, components.

A server of forty lines stands for SageMaker's control side: every new thing is in progress for one look.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aws_tools
import pytest

from trackforge.cli import main

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
MODEL = ["--model", "s3://models/model.tar.gz", "--image", "image:1"]


class Control(BaseHTTPRequestHandler):
    """Answers calls by name; ``calls`` remembers them, ``things`` how many looks are left until they are done."""

    calls: list[tuple[str, dict]]
    things: dict[str, int]

    def do_POST(self):
        name = self.headers["X-Amz-Target"].rpartition(".")[2]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append((name, request))
        thing = next((str(request[key]) for key in request if key.endswith("Name")), "")
        if name.startswith(("Create", "Update")):
            noun = name.removeprefix("Create").removeprefix("Update")
            self.things[f"{noun}/{thing}"] = 1
            self.say(200, {f"{noun}Arn": "arn:aws:sagemaker:us-east-1:123456789012:thing/" + "x" * 10})
            return
        noun = name.removeprefix("Describe")
        left = self.things.get(f"{noun}/{thing}")
        if left is None:
            self.say(400, {"__type": "ValidationException", "message": f'Could not find "{thing}".'})
            return
        self.things[f"{noun}/{thing}"] = left - 1
        job = noun.endswith("Job")
        state = ("InProgress" if job else "Creating") if left > 0 else "Failed" if "bad" in thing else None
        state = state or ("Completed" if job else "InService")
        answer = {f"{noun}Name": thing, f"{noun}Status": state, "EndpointConfigName": "before"}
        self.say(200, answer | ({"FailureReason": "no GPU is left"} if state == "Failed" else {}))

    def say(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def control(monkeypatch):
    aws_tools.need("boto3")

    class Here(Control):
        calls, things = [], {}

    with ThreadingHTTPServer(("127.0.0.1", 0), Here) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        told = {**aws_tools.AWS, "AWS_ENDPOINT_URL": address, "AWS_MAX_ATTEMPTS": "1"}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        yield Here
        server.shutdown()


def names(control):
    return [name for name, _ in control.calls]


def run(capsys, *words, code=0):
    assert main(["sagemaker", *words, "--account", "123456789012"]) == code
    return capsys.readouterr()


def test_a_job_is_waited_for_and_its_end_told_by_the_exit_code(control, capsys):
    control.things |= {"TrainingJob/street-1": 2, "TrainingJob/bad-1": 1, "TrainingJob/long-1": 10_000}
    shown = run(capsys, "wait", "street-1")
    assert shown.out == "training-job street-1: Completed\n"
    assert "training-job street-1 InProgress" in shown.err
    assert "no GPU is left" in run(capsys, "wait", "bad-1", "--kind", "training-job", code=1).out
    run(capsys, "wait", "bad-1", "--kind", "training-job", "--any-end")
    assert "still InProgress" in run(capsys, "wait", "long-1", "--patience", "0.1", code=124).out


def test_an_endpoint_that_is_there_is_updated(control, capsys):
    control.things["Endpoint/trackforge-cameras"] = 0
    told = run(capsys, "deploy", "cameras", *MODEL, "--wait").out
    assert "updated" in told
    assert "the config before, before, stays" in told
    assert names(control)[:4] == ["DescribeEndpoint", "CreateModel", "CreateEndpointConfig", "UpdateEndpoint"]


def test_an_endpoint_that_does_not_come_says_why(control, capsys):
    failed = run(capsys, "deploy", "bad", *MODEL, "--wait", code=1)
    assert "it is Failed: no GPU is left" in failed.err


def test_a_component_is_made_once_and_updated_then(control, capsys):
    words = ("deploy", "rare", *MODEL, "--way", "component")
    assert json.loads(run(capsys, *words, "--json").out)["component"] == "trackforge-rare"
    assert "CreateInferenceComponent" in names(control)
    control.calls.clear()
    run(capsys, *words)
    assert "UpdateInferenceComponent" in names(control)
    assert not {"CreateEndpointConfig", "UpdateEndpoint", "CreateInferenceComponent"} & set(names(control))
