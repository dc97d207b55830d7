"""SageMaker: containers that train, serve and process; jobs and endpoints from outside."""
