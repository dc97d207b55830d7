"""SUMMARY, for trackforge."""
