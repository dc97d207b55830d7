"""SSD with VGG-16 and ResNet-50 in the dialects of SageMaker, GluonCV and torchvision; its training, for trackforge."""
