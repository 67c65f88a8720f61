"""The commands of the console program `fer`: thin, one file each."""
