"""Stand-ins of what SageMaker does around a container, for tests here and of whoever builds upon this."""
