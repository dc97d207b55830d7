"""YOLOX detectors for trackforge."""
