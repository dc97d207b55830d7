"""Each of AWS's tools that the tests of trackforge-sagemaker lean on starts here, with a toy."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request

import aws_tools
import pytest

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]
HANDLER = """
def model_fn(model_dir): return open(model_dir + "/weights.txt").read()
def input_fn(body, content_type): return body if isinstance(body, str) else bytes(body).decode()
def predict_fn(data, model): return [model, data]
def output_fn(prediction, accept):
    import json
    return json.dumps(prediction)
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "ml" / "model" / "code").mkdir(parents=True)
    (tmp_path / "ml" / "model" / "weights.txt").write_text("toy")
    (tmp_path / "ml" / "model" / "code" / "inference.py").write_text(HANDLER)
    return tmp_path / "ml"


@pytest.mark.parametrize("server", [aws_tools.mms, aws_tools.torchserve])
def test_a_toolkits_server_runs_a_handler(server, model, tmp_path):
    with server(model, tmp_path / "log.txt") as address:
        request = urllib.request.Request(f"{address}/invocations", b'"hello"', {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer) == ["toy", '"hello"']


def test_moto_keeps_an_object_and_passes_a_message_on():
    with aws_tools.moto_server() as address:
        import boto3

        def client(service):
            keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
            return boto3.client(service, endpoint_url=address, region_name="us-east-1", **keys)

        s3, sns, sqs = client("s3"), client("sns"), client("sqs")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="key", Body=b"value")
        assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"value"
        queue = sqs.create_queue(QueueName="queue")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = sns.create_topic(Name="topic")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        sns.publish(TopicArn=topic, Message="done")
        (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
        assert json.loads(message["Body"])["Message"] == "done"


@pytest.mark.parametrize(("ending", "code"), [("", 0), ("sys.exit(3)", 1)])
def test_the_training_toolkit_runs_a_script(tmp_path, ending, code):
    for folder in ("code", "input/config", "model", "output"):
        (tmp_path / folder).mkdir(parents=True)
    lines = ["import os, sys", "name = os.environ['SM_MODEL_DIR'] + '/said'", "said = open(name, 'w')"]
    lines += ["said.write(' '.join(sys.argv[1:]))", "said.close()", ending]
    (tmp_path / "code" / "script.py").write_text("\n".join(lines) + "\n")
    words = {"sagemaker_program": "script.py", "sagemaker_submit_directory": str(tmp_path / "code"), "lr": "0.1"}
    hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
    for name, value in (("hyperparameters", words), ("inputdataconfig", {}), ("resourceconfig", hosts)):
        (tmp_path / "input" / "config" / f"{name}.json").write_text(json.dumps(value))
    ran = aws_tools.toolkit_train(tmp_path)
    assert (tmp_path / "model" / "said").read_text() == "--lr 0.1"
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert (tmp_path / "output" / "failure").exists() == (code != 0)


def test_the_sdks_drivers_start_torchrun_as_the_container_does(tmp_path):
    aws_tools.need("sagemaker.train", "moto", namespaces=True)
    (tmp_path / "source").mkdir()
    lines = ["import os, sys", "rank = os.environ['RANK']", "name = os.environ['SM_MODEL_DIR'] + '/rank' + rank"]
    lines += ["open(name, 'w').write(os.environ['WORLD_SIZE'] + ' ' + ' '.join(sys.argv[1:]))"]
    (tmp_path / "source" / "script.py").write_text("\n".join(lines) + "\n")
    base = tmp_path / "ml"
    base.mkdir()
    words = aws_tools.model_trainer(
        base, tmp_path / "source", "script.py", processes=2, hyperparameters={"lr": 0.1, "mot20": True}
    )
    assert words[0] == "/bin/bash"
    ran = subprocess.run(
        aws_tools.as_opt_ml(base, words),
        env=aws_tools.environment(**aws_tools.JOB),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = {path.name: path.read_text() for path in (base / "model").iterdir()}
    assert said == {f"rank{rank}": "2 --lr 0.1 --mot20 true" for rank in (0, 1)}
    assert not os.path.ismount("/opt/ml")
