"""Any detector as an ONNX file: YOLO heads, DETR, SSD, torchvision, found out by looking, for trackforge."""
