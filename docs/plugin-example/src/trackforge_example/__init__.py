"""A worked example of a trackforge plugin."""
