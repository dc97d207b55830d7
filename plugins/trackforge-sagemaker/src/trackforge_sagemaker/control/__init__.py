"""The command ``trackforge sagemaker``: what is driven from outside, by boto3, or shown by ``--dry-run``."""
