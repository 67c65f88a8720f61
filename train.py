"""Trains a network as the config says; `fer train` is the same. Try: python train.py data=drawn"""

import sys

from fer.cli.train import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
