"""Clients of SageMaker's endpoints, on boto3 alone: sessions, detection, asynchronous invocations, messages."""
