"""For holders of the SageMaker Python SDK v3: our requests as what its classes take; the SDK is imported when used."""

from trackforge_sagemaker.sdk.fields import resource_fields, snake_case
from trackforge_sagemaker.sdk.objects import hyperparameter_tuner, model_builder_fields, model_trainer, processor

__all__ = [
    "hyperparameter_tuner", "model_builder_fields", "model_trainer", "processor", "resource_fields", "snake_case",
]  # fmt: skip
