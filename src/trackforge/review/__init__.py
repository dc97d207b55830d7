"""Tracked labels that people check: keyframes, edits that can be undone, documents that are saved after each."""
