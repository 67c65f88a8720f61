"""Train, measure and use facial-expression networks on FER2013 and its kin.

Importing `fer` loads nothing heavy: the command line must be able to answer before torch is there.
"""

__version__ = "0.1.0"
