"""Draw all rows in one picture: python benchmarks/picture.py [FOLDER]

It reads the csv files in FOLDER (default runs/bench) and writes bench.png there. Each row shows the median
ratio of ours to theirs, a line from its lowest to its highest, and its target if it has one.
"""

import csv
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer.reports.figures.canvas import INK, LINE, MARK, MUTED, VALIDATION, save


def read(folder: Path) -> list[dict[str, str]]:
    """The rows of the harness in all csv files of a folder."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="") as file:
            found += [row for row in csv.DictReader(file) if "ratio" in row]
    return found


def reached(row: dict[str, str]) -> bool | None:
    """Whether the median ratio reaches its target, None without a target."""
    if not row["target"]:
        return None
    sign, limit = row["target"].split()
    ratio = float(row["ratio"])
    return ratio >= float(limit) if sign == ">=" else ratio <= float(limit)


def draw(axes: Axes, place: int, row: dict[str, str]) -> None:
    colour = {None: MUTED, True: VALIDATION, False: MARK}[reached(row)]
    least, ratio, greatest = (float(row[name]) for name in ("lowest", "ratio", "highest"))
    axes.plot([least, greatest], [place, place], color=colour, linewidth=2)
    axes.plot(ratio, place, "o", color=colour, markersize=6)
    if row["target"]:
        limit = float(row["target"].split()[1])
        axes.plot([limit, limit], [place - 0.35, place + 0.35], color=INK, linewidth=1.5)
    text = f"{ratio:.3g}   ({float(row['ours']):.4g} : {float(row['theirs']):.4g} {row['unit']})"
    axes.annotate(
        text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=INK
    )


def picture(rows: list[dict[str, str]]) -> Figure:
    """One line per row, on a logarithmic axis of ratios."""
    figure = Figure(figsize=(11, 1.4 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        draw(axes, place, row)
    labels = [f"{row['what']}\ncompared with {row['against']}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=6.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.axvline(1, color=MUTED, linewidth=0.8, linestyle=":")
    axes.grid(axis="x", color=LINE)
    axes.set_xlabel(
        "ours / theirs; black: target; blue: reached, orange: not reached, grey: no target",
        fontsize=8,
    )
    facts = rows[0]
    axes.set_title(
        f"{facts['processor']}, {facts['cores']} cores, torch {facts['torch']}", fontsize=9
    )
    return figure


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/bench")
    rows = read(folder)
    if not rows:
        sys.exit(f"benchmarks/picture.py: no rows in {folder}; `make bench` writes them")
    save(picture(rows), folder / "bench.png")
    print(folder / "bench.png")


if __name__ == "__main__":
    main()
