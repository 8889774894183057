"""``python -m skqmu``: the command line."""

import sys

from skqmu._cli import main

if __name__ == "__main__":
    sys.exit(main())
