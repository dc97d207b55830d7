"""What the tests of trackforge-sagemaker take for granted of AWS's tools, by themselves.

The servers and the SDK's drivers run there, with real models: test_toolkit_aws.py, test_train_toolkits.py.
"""

from __future__ import annotations

import json

import aws_tools
import pytest

pytestmark = [pytest.mark.sagemaker, pytest.mark.filterwarnings("ignore")]


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
