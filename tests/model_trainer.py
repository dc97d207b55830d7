"""``python model_trainer.py REQUEST``: a training job made by SDK v3, laid out as its container finds it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

BUCKET = "trackforge-tests"


def main(request: dict[str, Any]) -> None:
    """Make the job, lay out its inputs, write the container's command as JSON on the last line."""
    base = Path(request["base"])
    # Telemetry is on by default, and reads its setting from a file.
    settings = base.parent / f"{base.name}-sdk.yaml"
    settings.write_text("SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n")
    os.environ["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"] = os.environ["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(settings)
    import boto3
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, SourceCode
    from sagemaker.train.distributed import Torchrun

    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    processes, channels = request["processes"], request.get("channels", {})
    trainer = ModelTrainer(
        training_image="123456789012.dkr.ecr.us-east-1.amazonaws.com/trackforge:1",
        role="arn:aws:iam::123456789012:role/trackforge",
        sagemaker_session=Session(default_bucket=BUCKET),
        source_code=SourceCode(source_dir=request["source"], entry_script=request["script"]),
        distributed=Torchrun(process_count_per_node=processes) if processes else None,
        compute=Compute(instance_type="ml.m5.xlarge", instance_count=1),
        base_job_name="trackforge",
        hyperparameters=request.get("hyperparameters", {}),
    )
    data = [InputData(channel_name=name, data_source=f"s3://{BUCKET}/{name}") for name in channels]
    trainer.train(input_data_config=data, wait=False)
    job = sagemaker.describe_training_job(
        TrainingJobName=sagemaker.list_training_jobs()["TrainingJobSummaries"][0]["TrainingJobName"]
    )
    config = base / "input" / "config"
    for folder in (config, base / "model", base / "output" / "data", base / "checkpoints"):
        folder.mkdir(parents=True, exist_ok=True)
    (config / "hyperparameters.json").write_text(json.dumps(job["HyperParameters"]))
    described = {}
    for channel in job["InputDataConfig"]:
        name, where = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        described[name] = {"TrainingInputMode": channel.get("InputMode", "File"), "RecordWrapperType": "None"}
        described[name]["S3DistributionType"] = where["S3DataDistributionType"]
        laid = base / "input" / "data" / name
        if name in channels:
            shutil.copytree(channels[name], laid)
            continue
        prefix = where["S3Uri"].removeprefix(f"s3://{BUCKET}/").rstrip("/") + "/"
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
            for item in page.get("Contents", ()):
                path = laid / item["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(BUCKET, item["Key"], str(path))
    (config / "inputdataconfig.json").write_text(json.dumps(described))
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": ["algo-1"]}
    resources = {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.xlarge"}
    resources |= {
        "current_group_name": "homogeneousCluster",
        "instance_groups": [group],
        "network_interface_name": "lo",
    }
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    container = job["AlgorithmSpecification"]
    sys.stdout.write(json.dumps([*container["ContainerEntrypoint"], *container.get("ContainerArguments", ())]) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
