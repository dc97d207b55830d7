"""The frame of ``trackforge sagemaker``: help without boto3, dry runs, errors, the choice of a way of serving."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cli_runs import ENVIRONMENT

from trackforge.cli import main
from trackforge.errors import ConfigError
from trackforge_sagemaker.client.ways import Work, best, size_of, verdict, verdicts
from trackforge_sagemaker.control.aws import Aws, AwsRun
from trackforge_sagemaker.control.subcommands import SUBCOMMANDS


def test_help_lists_every_subcommand(capsys):
    assert main(["sagemaker", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(one.name in shown for one in SUBCOMMANDS)


def test_every_subcommand_explains_itself_without_boto3():
    script = (
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "from trackforge.cli import main\n"
        f"codes = [main(['sagemaker', name, '--help']) for name in {[one.name for one in SUBCOMMANDS]!r}]\n"
        "heavy = {'torch', 'av', 'cv2', 'matplotlib', 'starlette'} & set(sys.modules)\n"
        "sys.exit(f'{codes} {heavy}' if any(codes) or heavy else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert all(f"trackforge sagemaker {one.name} " in ran.stdout for one in SUBCOMMANDS)


def test_without_boto3_it_is_said_what_to_install():
    script = (
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "from trackforge.cli import main\n"
        "sys.exit(main(['sagemaker', 'wait', 'street-1', '--region', 'eu-west-1']))"
    )
    ran = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "pip install 'trackforge-sagemaker[client]'" in ran.stderr


def test_settings_come_from_the_environment_too(capsys, monkeypatch):
    monkeypatch.setenv("TRACKFORGE_SAGEMAKER_PROJECT", "street")
    monkeypatch.setenv("TRACKFORGE_SAGEMAKER_REGION", "eu-west-1")
    monkeypatch.setenv("TRACKFORGE_SAGEMAKER_DEPLOY_WAY", "serverless")
    assert main(["sagemaker", "deploy", "x", "--model", "s3://bucket/model.tar.gz", "--dry-run", "--json"]) == 0
    made = {one["operation"]: one["request"] for one in json.loads(capsys.readouterr().out)["requests"]}
    (variant,) = made["create_endpoint_config"]["ProductionVariants"]
    assert variant["ServerlessConfig"]["MemorySizeInMB"] == 6144
    assert {"Key": "trackforge:project", "Value": "street"} in made["create_endpoint"]["Tags"]
    assert made["create_model"]["ExecutionRoleArn"] == "arn:aws:iam::111122223333:role/street-sagemaker"
    monkeypatch.setenv("TRACKFORGE_SAGEMAKER_PROJECT", "My Street")
    assert main(["sagemaker", "deploy", "x", "--model", "s3://bucket/model.tar.gz", "--dry-run"]) == 2


def test_a_wrong_subcommand_suggests_the_nearest(capsys):
    assert main(["sagemaker", "chose"]) == 2
    assert 'Did you mean "choose"' in capsys.readouterr().err


def test_names_follow_project_account_and_region():
    aws = Aws(AwsRun(project="street", region="cn-north-1", account="123456789012"))
    assert aws.role == "arn:aws-cn:iam::123456789012:role/street-sagemaker"
    assert aws.place("data/", "mot17") == "s3://street-cn-north-1-123456789012/data/mot17"
    with pytest.raises(ConfigError, match="small letters"):
        AwsRun(project="My Street")


def test_a_dry_run_shows_what_it_would_ask(capsys):
    aws = Aws(AwsRun(region="eu-west-1"), dry_run=True)
    answer = aws.call("sagemaker", "delete_model", {"ModelName": "street"}, answer={"done": True})
    assert answer == {"done": True}
    assert json.loads(capsys.readouterr().out) == {
        "service": "sagemaker", "operation": "delete_model", "request": {"ModelName": "street"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("work", "name"),
    [
        (Work(of="camera", payload=300_000, seconds=0.2), "real-time"),
        (Work(of="camera", payload=300_000, seconds=0.2, minimum=0), "real-time"),
        (Work(payload=40_000_000, seconds=300, minimum=0), "asynchronous"),
        (Work(payload=2_000_000_000, seconds=300), "processing"),
        (Work(payload=5_000_000, seconds=5_000), "processing"),
        (Work(task="detection", of="picture", payload=300_000, seconds=0.5, minimum=0), "serverless"),
        (Work(task="detection", of="picture", payload=300_000, seconds=0.5, minimum=0, gpu=True), "real-time"),
    ],
)
def test_the_best_way_follows_payload_time_and_instances_at_rest(work, name):
    assert best(work).name == name
    assert {one.name for one in verdicts(work)} == {
        "real-time", "serverless", "asynchronous", "processing", "batch-transform",
    }  # fmt: skip


def test_batch_transform_is_refused_for_tracking_with_the_reason(capsys):
    assert not verdict("batch-transform", Work()).fits
    assert verdict("batch-transform", Work(task="detection", of="picture")).fits
    assert main(["sagemaker", "choose", "film", "--way", "batch-transform"]) == 2
    assert "in order and in one tracker" in capsys.readouterr().err


def test_choose_explains_with_numbers(capsys, tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x" * 7_000_000)
    assert main(["sagemaker", "choose", "film", "--payload", str(film), "--seconds", "90"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("best asynchronous")
    assert "7 MB is above 6.29 MB" in shown
    assert main(["sagemaker", "choose", "camera", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == "real-time"
    with pytest.raises(ConfigError, match="40MB"):
        size_of("forty")
