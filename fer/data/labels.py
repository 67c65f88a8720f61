"""The seven emotions: their order, names, spellings and colours; written here and nowhere else.

Order and indices are those of FER2013 (Goodfellow et al., "Challenges in Representation Learning",
ICML 2013 workshop, arXiv:1307.0414). Contempt, index 7, exists in FER+ only (Barsoum et al.,
arXiv:1608.01041).
"""

from collections.abc import Iterable

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CONTEMPT = "contempt"  # the eighth

# Spellings met in other sets' folder names and csv files.
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

# One colour an emotion in every figure: Okabe and Ito's palette, told apart by colour-blind readers
# ("Color Universal Design", 2008), grey for neutral and one of Tol's for contempt.
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
# For classes that are no emotions, in this order: of matplotlib's tab20, tab20b, tab20c, Dark2 and
# Set1 those of a lightness up to 80 that lie farthest from all before them in CIELAB; 21 apart.
OTHER_COLOURS = (
    *("#b5cf6b", "#8c6d31", "#e7298a", "#2ca02c", "#ad494a", "#fdae6b", "#e41a1c"),
    *("#9467bd", "#ff9896", "#393b79", "#9c9ede", "#bd9e39", "#17becf", "#637939"),
    *("#7b4173", "#bcbd22", "#a65628", "#74c476", "#636363", "#bcbddc"),
)


def canonical(name: str) -> str:
    """The project's spelling of an emotion's `name`, in lower case; other names come back as they are."""
    name = name.strip().lower()
    return ALIASES.get(name, name)


def are_emotions(names: Iterable[str]) -> bool:
    """Whether every one of `names` is an emotion in some spelling."""
    return {canonical(name) for name in names} <= {*EMOTIONS, CONTEMPT}


def called(classes: Iterable[str]) -> tuple[str, str]:
    """What one and several of a set's `classes` are called: emotions only where all of them are."""
    return ("emotion", "emotions") if are_emotions(classes) else ("class", "classes")


def arrange(names: Iterable[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The classes that a set's own `names` stand for, and the index of each name among them.

    Where every name is an emotion in some spelling, the classes are the emotions met, in dataset
    order, contempt last; otherwise they are the names themselves, sorted.
    """
    spelt = {name: canonical(name) for name in sorted(set(names))}
    if are_emotions(spelt):
        classes = tuple(name for name in (*EMOTIONS, CONTEMPT) if name in spelt.values())
    else:
        spelt = {name: name for name in spelt}
        classes = tuple(spelt)
    return classes, {name: classes.index(spelt[name]) for name in spelt}
