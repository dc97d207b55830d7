"""Old MXNet detectors (SageMaker, GluonCV) run on torch, without MXNet, for trackforge."""
