"""Requests to AWS as plain dictionaries, built and checked here, sent elsewhere: no SDK, no network."""
