"""``python -m badnets``: the command line."""

from __future__ import annotations

import sys

from badnets.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
