"""Clients of endpoints: sessions, tracking on this side, asynchronous calls, messages; boto3 when it is used."""
