"""``python -m benchmarks.serving``."""

from benchmarks.serving.measure import main

main()
