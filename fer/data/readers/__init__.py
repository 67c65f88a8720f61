"""Readers: from a path to `fer.data.faces.Faces`, or to a `Table` of encoded images first.

`read_csv` reads pixels. `read_folder`, `read_lists`, `read_label_files`, `read_names` and `read_parquet`
return tables, of which `table.read` makes faces. Rows are numbered as in the source, and bad ones go to
`BadRows`. `ferplus.relabel` replaces FER2013's labels by the votes of FER+.
"""
