"""The seven emotions: order, names, spellings and colours.

Order and indices are those of FER2013 (Goodfellow et al., "Challenges in Representation Learning",
ICML 2013 workshop, arXiv:1307.0414). Contempt, index 7, exists in FER+ only (Barsoum et al.,
arXiv:1608.01041).
"""

import itertools
from collections.abc import Iterable, Sequence

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CONTEMPT = "contempt"  # the eighth

# Other spellings, from folder names and csv files of other datasets.
ALIASES = {
    "anger": "angry",
    "rage": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "scared": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}

# The colour of each emotion in all figures: Okabe and Ito's palette, which colour-blind readers can
# distinguish ("Color Universal Design", 2008), grey for neutral and one of Tol's for contempt.
COLOURS = {
    "angry": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happy": "#E69F00",
    "sad": "#0072B2",
    "surprise": "#56B4E9",
    "neutral": "#999999",
    CONTEMPT: "#332288",
}
# Colours of classes that are no emotions, in this order. They are from matplotlib's tab20, tab20b,
# tab20c, Dark2 and Set1, with a lightness up to 80. Each is the farthest from all before it in
# CIELAB. Their least distance is 21.
OTHER_COLOURS = (
    *("#b5cf6b", "#8c6d31", "#e7298a", "#2ca02c", "#ad494a", "#fdae6b", "#e41a1c"),
    *("#9467bd", "#ff9896", "#393b79", "#9c9ede", "#bd9e39", "#17becf", "#637939"),
    *("#7b4173", "#bcbd22", "#a65628", "#74c476", "#636363", "#bcbddc"),
)


def canonical(name: str) -> str:
    """The project's spelling of an emotion; other names in lower case."""
    name = name.strip().lower()
    return ALIASES.get(name, name)


def colours(classes: Sequence[str]) -> list[str]:
    """One hex colour per class: an emotion's fixed one, for other classes the next unused one."""
    others = itertools.cycle(OTHER_COLOURS)
    return [COLOURS.get(canonical(name)) or next(others) for name in classes]


def are_emotions(names: Iterable[str]) -> bool:
    """Whether all `names` are emotions in some spelling."""
    return {canonical(name) for name in names} <= {*EMOTIONS, CONTEMPT}


def called(classes: Iterable[str]) -> tuple[str, str]:
    """The singular and plural for `classes` in figures: emotion if all are emotions, else class."""
    return ("emotion", "emotions") if are_emotions(classes) else ("class", "classes")


def arrange(names: Iterable[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The classes of a dataset whose labels are `names`, and the index of each name's class.

    If all names are emotions in some spelling, the classes are these emotions in FER2013's order,
    contempt last. Otherwise they are the names, sorted.
    """
    spelt = {name: canonical(name) for name in sorted(set(names))}
    if are_emotions(spelt):
        classes = tuple(name for name in (*EMOTIONS, CONTEMPT) if name in spelt.values())
    else:
        spelt = {name: name for name in spelt}
        classes = tuple(spelt)
    return classes, {name: classes.index(spelt[name]) for name in spelt}
