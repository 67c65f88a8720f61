"""The seven emotions and contempt: order, names, spellings and colours; which class a label means.

Order and indices are those of FER2013 (Goodfellow et al., "Challenges in Representation Learning",
ICML 2013 workshop, arXiv:1307.0414). Contempt, index 7, exists in FER+ (Barsoum et al.,
arXiv:1608.01041), AffectNet, CK+ and RaFD.
"""

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
CONTEMPT = "contempt"  # the eighth

# Other spellings, each with datasets or products that use it.
ALIASES = {
    # AffectNet, RAF-DB, CK+, FER+: nouns
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    # RaFD, RAVDESS: adjectives
    "disgusted": "disgust",
    "fearful": "fear",
    "surprised": "surprise",
    "contemptuous": CONTEMPT,
    # KDEF
    "afraid": "fear",
    # RAVDESS has calm next to neutral
    "calm": "neutral",
    # Google Cloud Vision and Amazon Rekognition: joy, sorrow, calm; ISEAR: joy
    "joy": "happy",
    "sorrow": "sad",
    # Copies on Kaggle, Roboflow and the Hugging Face hub
    "rage": "angry",
    "annoyed": "angry",
    "furious": "angry",
    "disgusting": "disgust",
    "disgusts": "disgust",
    "scared": "fear",
    "scary": "fear",
    "fears": "fear",
    "frightened": "fear",
    "terrified": "fear",
    "joyful": "happy",
    "joyous": "happy",
    "enjoyment": "happy",
    "hapiness": "happy",
    "happyness": "happy",
    "sadly": "sad",
    "unhappy": "sad",
    "suprise": "surprise",
    "suprised": "surprise",
    "surprize": "surprise",
    "surprising": "surprise",
    "astonished": "surprise",
    "amazed": "surprise",
    "natural": "neutral",
    "neutrality": "neutral",
    "netural": "neutral",
    "contempted": CONTEMPT,
    "disdain": CONTEMPT,
    "scorn": CONTEMPT,
}
# Codes in file names and tables of JAFFE (AN to SU), KDEF (AF, AN to SU) and CREMA-D (ANG to SAD).
# They count only where all labels are codes, because a class of something else may be called so.
CODES = {
    **{"an": "angry", "ang": "angry"},
    **{"di": "disgust", "dis": "disgust"},
    **{"af": "fear", "fe": "fear", "fea": "fear"},
    **{"ha": "happy", "hap": "happy"},
    **{"sa": "sad", "sad": "sad"},
    **{"su": "surprise", "sur": "surprise"},
    **{"ne": "neutral", "neu": "neutral"},
    **{"co": CONTEMPT, "con": CONTEMPT},
}
# Words and numbers around an emotion's name that say nothing: `0 angry`, `1_disgust`, `happy faces`.
EMPTY = {"face", "faces", "facial", "expression", "expressions", "emotion", "emotions"}

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


def folded(name: str) -> str:
    """A name as it is compared: without capitals, outer blanks, and other spellings in Unicode."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def canonical(name: str) -> str:
    """The project's spelling of an emotion; other names in lower case."""
    name = folded(name)
    word = _word(name)
    emotion = ALIASES.get(word, word)
    return emotion if emotion in COLOURS else name


def _word(name: str) -> str:
    """What a folded name says besides numbers and empty words: its nouns and adjectives."""
    return " ".join(word for word in re.findall(r"[^\W\d_]+", name) if word not in EMPTY)


def colours(classes: Sequence[str]) -> list[str]:
    """One hex colour per class: an emotion's fixed one, for other classes the next unused one."""
    others = itertools.cycle(OTHER_COLOURS)
    return [COLOURS.get(canonical(name)) or next(others) for name in classes]


def are_emotions(names: Iterable[str]) -> bool:
    """Whether all `names` are emotions in some spelling."""
    return {canonical(name) for name in names} <= COLOURS.keys()


def called(classes: Iterable[str]) -> tuple[str, str]:
    """The singular and plural for `classes` in figures: emotion if all are emotions, else class."""
    return ("emotion", "emotions") if are_emotions(classes) else ("class", "classes")


Label = str | int
# data.names: names of the numbers from the least, or a name for each label that is written.
Names = Sequence[str] | Mapping[Label, str]


@dataclass(frozen=True)
class Labelling:
    """The classes of a dataset, and the index of the class of each label.

    classes: names of the classes
    index: index into `classes` of each label, as the source writes it
    """

    classes: tuple[str, ...]
    index: Mapping[Label, int]

    @property
    def notes(self) -> list[str]:
        """What numbers mean, and each class that has labels with different words, as calm and neutral."""
        written: dict[int, dict[str, Label]] = {}
        for label, at in self.index.items():
            written.setdefault(at, {}).setdefault(_word(folded(str(label))), label)
        return self._numbers_note() + [
            f"labels {', '.join(map(str, labels.values()))} are one class, {self.classes[at]}"
            for at, labels in sorted(written.items())
            if len(labels) > 1
        ]

    def _numbers_note(self) -> list[str]:
        meant = {whole(label): self.classes[at] for label, at in self.index.items()}
        numbers = {number: name for number, name in meant.items() if number is not None}
        if not numbers:
            return []
        if all(str(number) == name for number, name in numbers.items()):
            return ["the classes are numbers; data.names gives them names"]
        return [f"labels: {', '.join(f'{at} is {name}' for at, name in sorted(numbers.items()))}"]


def arrange(labels: Iterable[Label], *, names: Names | None = None) -> Labelling:
    """The classes of a dataset with these labels, and the index of each label's class.

    Spellings of one name are one class (`folded`). Emotions come first, in FER2013's order with
    contempt last, under the project's names. Other classes follow, sorted. Numbers are sorted by value.
    Negative numbers are no labels.

    names: names of the numbers in order from the least, or a name for each label

    Raises ValueError, opening with `names`, for names that do not fit the labels.
    """
    labels = sorted(set(labels), key=str)
    values = {label: value for label in labels if (value := whole(label)) is not None}
    if names is None and len(values) == len(labels):
        return _of_numbers(values)
    named = {} if names is None else _named(labels, values, names)
    spelt = {
        label: named.get(label, str(label))
        for label in labels
        if label in named or values.get(label, 0) >= 0
    }
    codes = all(folded(name) in CODES for name in spelt.values())
    meant = {
        label: CODES[folded(name)] if codes else canonical(name) for label, name in spelt.items()
    }
    classes = _sorted(spelt, meant)
    return Labelling(
        tuple(classes.values()), {label: list(classes).index(meant[label]) for label in spelt}
    )


def whole(label: Label) -> int | None:
    """The number that a label is, such as 3 for 3, "3", "03" or "3.0"; None for another label."""
    if isinstance(label, int):
        return int(label)
    found = re.fullmatch(r"\s*([+-]?\d+)(?:\.0*)?\s*", label)
    return int(found[1]) if found else None


def _of_numbers(values: Mapping[Label, int]) -> Labelling:
    numbers = sorted({value for value in values.values() if value >= 0})
    index = {label: numbers.index(value) for label, value in values.items() if value >= 0}
    return Labelling(tuple(map(str, numbers)), index)


def _sorted(spelt: Mapping[Label, str], meant: Mapping[Label, str]) -> dict[str, str]:
    """The name of each class by what it means, in the order of the classes."""
    emotions = [name for name in COLOURS if name in meant.values()]
    others: dict[str, str] = {}
    for name, meaning in sorted((spelt[label].strip(), meant[label]) for label in spelt):
        if meaning not in COLOURS:
            others.setdefault(meaning, unicodedata.normalize("NFC", name))
    return {name: name for name in emotions} | others


def _named(labels: Sequence[Label], values: Mapping[Label, int], names: Names) -> dict[Label, str]:
    """The name of each label that `names` has one for. Raises ValueError where they do not fit."""
    if not isinstance(names, Mapping):
        numbers = sorted({value for value in values.values() if value >= 0})
        names = _from_least(
            numbers, names, words=[label for label in labels if label not in values]
        )
    keys = {_key(key): name for key, name in names.items()}
    known = {_key(label) for label in labels}
    if unknown := [key for key in keys if key not in known and not isinstance(key, int)]:
        raise ValueError(f"names: no label {unknown[0]}; the set has {shown(map(str, labels))}")
    return {label: keys[_key(label)] for label in labels if _key(label) in keys}


def _key(label: Label) -> Label:
    value = whole(label)
    return folded(str(label)) if value is None else value


def _from_least(
    numbers: Sequence[int], names: Sequence[str], *, words: Iterable[Label]
) -> dict[Label, str]:
    """Names by number. They begin at the least number, also where a subset lacks some numbers."""
    if words := sorted(map(str, words)):
        raise ValueError(
            f"names: the labels are names already, such as {words[0]}; use a mapping as "
            f"data.names={{{words[0]}: {names[0]}}}"
        )
    if len(names) == len(numbers):
        return dict(zip(numbers, names, strict=True))
    starts = [first for first in (0, 1) if numbers[0] >= first and numbers[-1] < first + len(names)]
    if len(starts) == 1:
        return dict(enumerate(names, starts[0]))
    written = ", ".join(map(str, numbers))
    raise ValueError(
        f"names: {len(names)} for the {len(numbers)} numbers {written}; name each, or say which is "
        f"which as data.names={{{numbers[0]}: {names[0]}}}"
    )


def chosen(known: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """Those of the classes `known` that `classes` names in some spelling, in the order of `known`.

    Raises ValueError, opening with `classes`, for a name that is not among them, and for fewer than two.
    """
    meant = {canonical(name): name for name in known}
    for name in classes:
        if canonical(name) not in meant:
            close = difflib.get_close_matches(canonical(name), meant, n=1)
            hint = f"did you mean {meant[close[0]]}?" if close else f"it has {shown(known)}"
            raise ValueError(f"classes: the set has no class {name}; {hint}")
    kept = {canonical(name) for name in classes}
    if len(kept) < 2:
        raise ValueError(f"classes: {', '.join(classes) or 'none'}; expected two or more")
    return tuple(name for name in known if canonical(name) in kept)


def places(wanted: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """The index in `known` of each class of `wanted`, by its meaning; None where it is not there."""
    index = {canonical(name): place for place, name in enumerate(known)}
    return [index.get(canonical(name)) for name in wanted]


def shown(names: Iterable[str], most: int = 10) -> str:
    """Up to `most` names, sorted as given, and how many others there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
