"""Requests to AWS as plain dictionaries, built and checked here, sent elsewhere: no SDK, no network.

Every builder is a pure function: what it gives is what boto3's method of that name takes. `check` holds it against
botocore's service model where botocore is installed.
"""

from trackforge_sagemaker.requests.access import execution_policy, role, role_policy, trust_policy
from trackforge_sagemaker.requests.account import (
    Quota,
    bucket,
    bucket_settings,
    list_quotas,
    quota_increase,
    quotas,
    repository,
)
from trackforge_sagemaker.requests.builtin_data import Counted, count_annotations, count_manifest, count_records
from trackforge_sagemaker.requests.builtin_detection import object_detection_channels, object_detection_training
from trackforge_sagemaker.requests.builtin_settings import checked_ranges
from trackforge_sagemaker.requests.calls import Call
from trackforge_sagemaker.requests.channels import channel, manifest_channel
from trackforge_sagemaker.requests.checking import can_check, check, problems
from trackforge_sagemaker.requests.endpoints import (
    asynchronous,
    component_variant,
    endpoint,
    endpoint_config,
    inference_component,
    serverless_variant,
    variant,
)
from trackforge_sagemaker.requests.jumpstart import JumpStartModel
from trackforge_sagemaker.requests.labelling import bucket_cors, labeling_job, workforce, workteam
from trackforge_sagemaker.requests.logs import log_events, log_group, log_query, log_streams
from trackforge_sagemaker.requests.models import container, model, packaged_model
from trackforge_sagemaker.requests.names import bucket_name, check_name, unique_name
from trackforge_sagemaker.requests.network import Network
from trackforge_sagemaker.requests.notifications import queue, queue_policy, subscription, topic
from trackforge_sagemaker.requests.people import client_policy, serving_policy, setup_policy
from trackforge_sagemaker.requests.places import image_uri
from trackforge_sagemaker.requests.processing import processing_job
from trackforge_sagemaker.requests.ranges import parse_range
from trackforge_sagemaker.requests.registries import framework_image, object_detection_image
from trackforge_sagemaker.requests.scaling import Scaling, component_scaling, queue_scaling, variant_scaling
from trackforge_sagemaker.requests.sending import environment_texts, hyperparameter_texts
from trackforge_sagemaker.requests.tags import as_mapping, project_tags, tagged
from trackforge_sagemaker.requests.training import training_job
from trackforge_sagemaker.requests.transform import transform_job
from trackforge_sagemaker.requests.tuning import best_training, tuning_job

__all__ = [
    "Call", "Counted", "JumpStartModel", "Network", "Quota", "Scaling", "as_mapping", "asynchronous", "best_training",
    "bucket", "bucket_cors", "bucket_name", "bucket_settings", "can_check", "channel", "check", "check_name",
    "checked_ranges", "client_policy", "component_scaling", "component_variant", "container", "count_annotations",
    "count_manifest",
    "count_records", "endpoint", "endpoint_config", "environment_texts", "execution_policy", "framework_image",
    "hyperparameter_texts", "image_uri", "inference_component", "labeling_job", "list_quotas", "log_events",
    "log_group", "log_query", "log_streams", "manifest_channel", "model", "object_detection_channels",
    "object_detection_image", "object_detection_training", "packaged_model", "parse_range", "problems",
    "processing_job", "project_tags", "queue", "queue_policy", "queue_scaling", "quota_increase", "quotas",
    "repository", "role", "role_policy", "serverless_variant", "serving_policy", "setup_policy",
    "subscription", "tagged", "topic", "training_job",
    "transform_job", "trust_policy", "tuning_job", "unique_name", "variant", "variant_scaling", "workforce",
    "workteam",
]  # fmt: skip
