"""`python -m fer`: the console program where its script is not on the path."""

import sys

from fer.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
