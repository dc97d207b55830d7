"""Requests to AWS as plain dictionaries, built and checked here, sent elsewhere: no SDK, no network.

Every builder is a pure function: what it gives is what boto3's method of that name takes. `check` holds it against
botocore's service model where botocore is installed.
"""

from trackforge_sagemaker.requests.calls import Call
from trackforge_sagemaker.requests.channels import channel, channels, manifest_channel
from trackforge_sagemaker.requests.checking import can_check, check, problems
from trackforge_sagemaker.requests.names import bucket_name, check_name, unique_name
from trackforge_sagemaker.requests.network import Network
from trackforge_sagemaker.requests.places import image_uri
from trackforge_sagemaker.requests.sending import environment_texts, hyperparameter_texts
from trackforge_sagemaker.requests.tags import as_mapping, project_tags, tagged
from trackforge_sagemaker.requests.training import training_job

__all__ = [
    "Call", "Network", "as_mapping", "bucket_name", "can_check", "channel", "channels", "check", "check_name",
    "environment_texts", "hyperparameter_texts", "image_uri", "manifest_channel", "problems", "project_tags", "tagged",
    "training_job", "unique_name",
]  # fmt: skip
