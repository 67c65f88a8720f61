"""The faces of a folder as a table: python examples/folder_to_csv.py photos"""

import csv
import sys

import fer

model = fer.load("shipped")
rows = fer.to_rows(model.predict(sys.argv[1], on_bad="skip"))
with open("faces.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
print(f"wrote {len(rows)} rows to faces.csv")
