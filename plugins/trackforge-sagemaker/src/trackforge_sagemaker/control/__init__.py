"""``trackforge sagemaker ...``: everything from the bucket to the clean-up, by commands."""
