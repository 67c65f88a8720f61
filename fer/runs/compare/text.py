"""The ranked table for a terminal: fractions in per cent, 120 columns."""

import textwrap
from collections.abc import Sequence

from fer.runs.compare.table import COSTS, MEASURED, RECALL, Line

WIDTH = 120
LONGEST = 28  # characters of a config value
ABSENT = "-"

Column = list[str]  # a title and a cell a line, all of one width


def text(lines: Sequence[Line], *, names: Sequence[str], by: str) -> str:
    """The lines of `ranked` in two blocks: numbers of the parts, then recalls of the classes and costs.

    compare.csv has more numbers of the test part.
    names: the columns in which the lines differ. If they do not fit next to the numbers, they stand
        above, one paragraph per line.
    """
    shown = [by, *MEASURED]
    measured = [name for name in lines[0] if f"{name}_ci95" in lines[0]]
    recalls = [name for name in measured if name.startswith(RECALL)]
    rank = _column("#", [f"{line['rank']}" for line in lines], ">")
    count = _column("n", [f"{line['n']}" for line in lines], ">")
    labels = [_labels(lines, name, names) for name in names]
    parts = [_shares(lines, name, _title(name), digits=2) for name in measured if name in shown]
    blocks = [_block([rank, *labels, count, *parts])]
    if max(map(len, blocks[0].splitlines())) > WIDTH:
        blocks = [_paragraphs(lines, names), _block([rank, count, *parts])]
    own = [_shares(lines, name, name.removeprefix(RECALL), digits=1) for name in recalls]
    costs = [_costs(lines, name) for name in COSTS]
    title = "recall of each class on test, and costs\n" if recalls else ""
    return "\n\n".join([_opening(lines, by), *blocks, title + _block([rank, *own, *costs])])


def _opening(lines: Sequence[Line], by: str) -> str:
    runs = sum(line["n"] for line in lines)
    half = ", ± half the 95 % interval of n runs (Student's t)" if runs > len(lines) else ""
    return f"{runs} runs in {len(lines)} rows, ranked by {by}; per cent{half}"


def _column(title: str, cells: Sequence[str], align: str = "<") -> Column:
    width = max(map(len, (title, *cells)))
    return [f"{cell:{align}{width}}" for cell in (title, *cells)]


def _block(columns: Sequence[Column]) -> str:
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))


def _labels(lines: Sequence[Line], name: str, names: Sequence[str]) -> Column:
    """The column of a key, titled by its last part unless another key ends with the same."""
    last = name.rpartition(".")[2]
    alone = [other.rpartition(".")[2] for other in names].count(last) == 1
    return _column(last if alone else name, [_cut(line[name] or ABSENT) for line in lines])


def _cut(value: str) -> str:
    """The end of a long value: paths differ there."""
    return value if len(value) <= LONGEST else f"…{value[1 - LONGEST :]}"


def _title(name: str) -> str:
    """A number of summary.json as people read it: `test/clean_mean_acc` is test/clean mean recall."""
    return name.replace("mean_acc", "mean recall").replace("clean_", "clean ")


def _shares(lines: Sequence[Line], name: str, title: str, *, digits: int) -> Column:
    def cell(mean: float | None, half: float | None) -> str:
        if mean is None:
            return ABSENT
        share = f"{100 * mean:{digits + 3}.{digits}f}"
        return share if half is None else f"{share} ±{100 * half:.{digits}f}"

    return _column(title, [cell(line[name], line[f"{name}_ci95"]) for line in lines])


def _costs(lines: Sequence[Line], name: str) -> Column:
    digits = ".3f" if name == "gflop" else ",.0f"
    cells = [ABSENT if line[name] is None else f"{line[name]:{digits}}" for line in lines]
    return _column(name.replace("_", " "), cells, ">")


def _paragraphs(lines: Sequence[Line], names: Sequence[str]) -> str:
    texts = [
        f"{line['rank']}: " + ", ".join(f"{name}={line[name] or ABSENT}" for name in names)
        for line in lines
    ]
    return "\n".join(textwrap.fill(each, WIDTH, subsequent_indent="   ") for each in texts)
