"""Formats of labelled data sets that one tool or one benchmark has for itself, one module each."""
