"""Training of YOLOX: assignment, losses, and what `trackforge.training` needs to run them."""
