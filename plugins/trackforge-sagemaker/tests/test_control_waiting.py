"""What moto does at once or not at all: things that take time, endpoints that are updated, components.

A server of forty lines stands for SageMaker's control side: every new thing is in progress for one look.
"""

from __future__ import annotations

import _thread
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aws_tools
import pytest

from trackforge.cli import main
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.inventory import scalable_targets

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
MODEL = ["--model", "s3://models/model.tar.gz", "--image", "image:1"]


class Control(BaseHTTPRequestHandler):
    """Answers calls by name; ``calls`` remembers them, ``things`` how many looks are left until they are done.

    ``configs`` are those of endpoints, ``scaled`` the projects of what has autoscaling.
    Somebody presses Ctrl-C as soon as a thing with "slow" in its name is looked at.
    """

    calls: list[tuple[str, dict]]
    things: dict[str, int]
    configs: dict[str, str]
    scaled: dict[str, str]

    def do_POST(self):
        name = self.headers["X-Amz-Target"].rpartition(".")[2]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append((name, request))
        thing = next((str(request[key]) for key in request if key.endswith("Name")), "")
        if name == "DescribeScalableTargets":
            targets = [
                {"ResourceId": f"endpoint/{one}/variant/all", "ScalableTargetARN": f"arn:aws:x:us-east-1:1:{one}",
                 "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"} for one in self.scaled
            ]  # fmt: skip
            self.say(200, {"ScalableTargets": targets})
            return
        if name == "ListTagsForResource":
            self.say(200, {"Tags": {"trackforge:project": self.scaled[request["ResourceARN"].split(":")[5]]}})
            return
        if name.startswith(("RegisterScalable", "PutScaling", "DeregisterScalable")):
            self.say(200, {"PolicyARN": "arn:aws:autoscaling:policy"} if name.startswith("Put") else {})
            return
        if name.startswith("Delete"):
            self.things.pop(f"{name.removeprefix('Delete')}/{thing}", None)
            self.say(200, {})
            return
        if name.startswith(("Create", "Update")):
            noun = name.removeprefix("Create").removeprefix("Update")
            self.things[f"{noun}/{thing}"] = 1
            if noun == "Endpoint" and "refused" not in thing:  # SageMaker goes back to what served before
                self.configs[thing] = request["EndpointConfigName"]
            self.say(200, {f"{noun}Arn": "arn:aws:sagemaker:us-east-1:123456789012:thing/" + "x" * 10})
            return
        noun = name.removeprefix("Describe")
        left = self.things.get(f"{noun}/{thing}")
        if left is None:
            self.say(400, {"__type": "ValidationException", "message": f'Could not find "{thing}".'})
            return
        self.things[f"{noun}/{thing}"] = left - 1
        if "slow" in thing:
            _thread.interrupt_main()
        job = noun.endswith("Job")
        state = ("InProgress" if job else "Creating") if left > 0 else "Failed" if "bad" in thing else None
        state = state or ("Completed" if job else "InService")
        answer = {f"{noun}Name": thing, f"{noun}Status": state, "EndpointConfigName": self.configs.get(thing, "before")}
        answer["ProductionVariants"] = [{"VariantName": "all", "CurrentInstanceCount": 8}]
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
        calls, things, configs, scaled = [], {}, {}, {}

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


def requests_of(control, name):
    return [request for one, request in control.calls if one == name]


def test_an_update_keeps_as_many_machines_as_there_are(control, capsys):
    control.things["Endpoint/trackforge-cameras"] = 0
    run(capsys, "deploy", "cameras", *MODEL)
    run(capsys, "deploy", "cameras", *MODEL, "--count", "2")
    kept, said = requests_of(control, "UpdateEndpoint")
    assert kept["RetainAllVariantProperties"] is True
    assert "RetainAllVariantProperties" not in said


def test_an_update_that_sagemaker_took_back_is_none(control, capsys):
    control.things["Endpoint/trackforge-refused"] = 0
    assert "went back to before" in run(capsys, "deploy", "refused", *MODEL, "--wait", code=1).err
    assert names(control)[-2:] == ["DeleteEndpointConfig", "DeleteModel"]


def test_what_an_endpoint_has_taken_on_is_not_taken_from_under_it(control, capsys):
    control.things["Endpoint/trackforge-bad"] = 0
    assert "has taken it on" in run(capsys, "deploy", "bad", *MODEL, "--wait", code=1).err
    assert not [name for name in names(control) if name.startswith("Delete")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--least", "3", "--most", "2"), "got 3, 2"),
        (("--way", "serverless", "--memory", "5000"), "got 5000"),
        (("--way", "asynchronous", "--concurrency", "2000"), "got 2000"),
        (("--way", "component", "--instance", "ml.c6i.xlarge", "--gpus", "1"), "no GPU"),
        (("--way", "component", "--memory", "40000"), "40000 MiB"),
        (("--role", "arn:aws:iam::1:role/x"), "role"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(control, capsys, words, message):
    assert message in run(capsys, "deploy", "p2", *MODEL, *words, code=2).err
    assert names(control) == ["DescribeEndpoint"]


def test_a_component_asks_for_no_gpu_where_there_is_none(control, capsys):
    run(capsys, "deploy", "small", *MODEL, "--way", "component", "--instance", "ml.c6i.xlarge")
    (made,) = requests_of(control, "CreateInferenceComponent")
    assert "NumberOfAcceleratorDevicesRequired" not in made["Specification"]["ComputeResourceRequirements"]


@pytest.mark.parametrize("name", ["bad", "slow"])
def test_whatever_ends_a_deployment_leaves_nothing_that_costs(control, capsys, name):
    try:
        assert main(["sagemaker", "deploy", name, *MODEL, "--wait", "--account", "123456789012"]) != 0
    except KeyboardInterrupt:
        assert name == "slow"
    assert names(control)[-3:] == ["DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"]


def test_a_component_that_fails_goes_before_its_endpoint(control, capsys):
    control.things["InferenceComponent/x"] = 0
    run(capsys, "deploy", "rare", *MODEL, "--way", "component", "--least", "0", "--most", "2", code=1)  # no alarms here
    left = [name for name in names(control) if name.startswith(("Delete", "Deregister"))]
    assert left == [
        "DeregisterScalableTarget", "DeleteInferenceComponent", "DeleteEndpoint", "DeleteEndpointConfig",
        "DeleteModel",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "flavour"),
    [((), "gpu"), (("--instance", "ml.m5.xlarge"), "cpu"), (("--way", "serverless"), "cpu")],
)
def test_the_image_fits_the_machine(control, capsys, words, flavour):
    run(capsys, "deploy", "x", *MODEL[:2], *words)
    (made,) = requests_of(control, "CreateModel")
    assert made["PrimaryContainer"]["Image"].endswith(f"/trackforge:{flavour}")


def test_scaling_is_found_without_its_endpoint(control):
    control.scaled = {"street-old": "street", "street-two-x": "street-two", "other": "street"}
    (found,) = scalable_targets(Aws(AwsRun(project="street")), [])
    assert found.name == "endpoint/street-old/variant/all"
