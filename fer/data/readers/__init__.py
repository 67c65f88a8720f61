"""Readers: in whatever form faces come, each gives `fer.data.faces.Faces`.

A form is one function of the path, `read_csv`, `read_folder`, `read_parquet`; it checks every row,
gives rows the numbers that they have in the source, and hands what cannot be used to `BadRows`.
`ferplus.relabel` puts the votes of FER+ in the place of FER2013's labels.
"""
