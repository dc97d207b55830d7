"""SageMaker's containers: train, serve and process, with any detector, tracker and trainer, for trackforge."""
