"""Worlds drawn by the computer, with ground truth: a crowd of boxes, a street in pictures, and the demonstration."""
