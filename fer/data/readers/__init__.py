"""Readers: functions from a path to `fer.data.faces.Faces`.

`read_csv`, `read_folder` and `read_parquet` check every row and number rows as the source does. They
pass bad rows to `BadRows`. `ferplus.relabel` replaces FER2013's labels by the votes of FER+.
"""
