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
# ("Color Universal Design", 2008), grey for neutral and one of Tol's for the eighth (contempt).
COLOURS = (
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#0072B2",
    "#56B4E9",
    "#999999",
    "#332288",
)


def canonical(name: str) -> str:
    """The project's spelling of an emotion's `name`, in lower case; other names come back as they are."""
    name = name.strip().lower()
    return ALIASES.get(name, name)


def arrange(names: Iterable[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """The classes that a set's own `names` stand for, and the index of each name among them.

    Where every name is an emotion in some spelling, the classes are the emotions met, in dataset
    order, contempt last; otherwise they are the names themselves, sorted.
    """
    spelt = {name: canonical(name) for name in sorted(set(names))}
    known = (*EMOTIONS, CONTEMPT)
    if set(spelt.values()) <= set(known):
        classes = tuple(name for name in known if name in spelt.values())
    else:
        spelt = {name: name for name in spelt}
        classes = tuple(spelt)
    return classes, {name: classes.index(spelt[name]) for name in spelt}
