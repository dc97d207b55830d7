"""Files and streams, in and out: the only place that knows formats."""
