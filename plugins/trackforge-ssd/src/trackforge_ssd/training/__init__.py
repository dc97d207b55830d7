"""Training of SSD; importing this loads no torch."""
