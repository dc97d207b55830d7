"""``python sdk_jobs.py``: jobs made by SDK v3's classes out of our requests; prints what AWS was then asked to make."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(requests: dict, settings: Path) -> None:
    settings.write_text("SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n")
    os.environ["SAGEMAKER_ADMIN_CONFIG_OVERRIDE"] = os.environ["SAGEMAKER_USER_CONFIG_OVERRIDE"] = str(settings)
    import boto3
    from botocore.client import BaseClient

    sent: dict[str, list[dict]] = {}
    call = BaseClient._make_api_call

    def recording(self, operation, parameters):
        sent.setdefault(operation, []).append(parameters)
        return call(self, operation, parameters)

    BaseClient._make_api_call = recording  # what reaches boto3, whoever made the client
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.resources import ProcessingJob, TrainingJob

    from trackforge_sagemaker import sdk

    boto3.client("s3").create_bucket(Bucket="mot-sdk")
    session = Session(default_bucket="mot-sdk")
    trainer, channels = sdk.model_trainer(requests["training"], session=session)
    trainer.train(input_data_config=channels, wait=False)
    tuner, channels = sdk.hyperparameter_tuner(requests["tuning"], requests["training"], session=session)
    tuner.tune(inputs=channels, wait=False)
    processor, arguments = sdk.processor(requests["processing"], session=session)
    processor.run(**arguments, wait=False, logs=False)
    for kind, resource, key in (
        ("training", TrainingJob, "TrainingJobName"),
        ("processing", ProcessingJob, "ProcessingJobName"),
    ):
        again = {**requests[kind], key: f"{requests[kind][key]}-resource"}
        resource.create(**sdk.resource_fields(again))
    boto3.client("s3").create_bucket(Bucket="street-data")
    exec(requests["page"], {})  # what the documentation shows
    made = {name: calls for name, calls in sent.items() if name.startswith("Create")}
    sys.stdout.write(json.dumps(made, default=str) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
