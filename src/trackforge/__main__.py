"""``python -m trackforge`` is the command ``trackforge``."""

import sys

from trackforge.cli import main

if __name__ == "__main__":
    sys.exit(main())
