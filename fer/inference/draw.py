"""Pictures with the faces that were found in them drawn on, or hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fer.common import fonts
from fer.common.errors import InputError
from fer.data.labels import colours
from fer.inference.prediction import Face, Pixels, Prediction

Area: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom

LEAST = 9  # pixels: below this size DejaVu Sans is hard to read
# Sizes of text as fractions of the longer side. A picture shown 1200 pixels wide has text of 11 to 33.
SMALL, LARGE = 1 / 110, 1 / 36
NAME = 22  # characters of a class name that are written
NEUTRAL = "#e8ebee"  # colour of a face that is `unsure`
PANEL, RAIL, PAPER = "#14171a", "#4a5058", "#ffffff"  # of the bars
ENCLOSING = 2**0.5  # an ellipse through the corners of a box is so much wider and higher


@dataclass(frozen=True)
class Mark:
    """What is drawn of one face: its box inside the picture, its colours and its size of text."""

    face: Face
    box: Area
    colour: str
    size: int

    @property
    def line(self) -> int:
        """Width of the box's line in pixels: thinner around small faces."""
        side = min(self.box[2] - self.box[0], self.box[3] - self.box[1])
        return max(1, int(min(self.size / 5, side / 12)))

    @property
    def text(self) -> str:
        track = "" if self.face.track is None else f"#{self.face.track} "
        return f"{track}{_short(self.face.label)} {_percent(self.face.confidence)}"


def draw(
    pixels: Pixels, prediction: Prediction, *, names: bool = True, blur: bool = False
) -> Image.Image:
    """The picture with each face's box, label, confidence and, where there is room, its bars.

    pixels: uint8 [H, W, 3], the upright picture, also reduced or enlarged.
    names: False leaves the boxes alone.
    blur: whether the faces are hidden (`hidden`).
    """
    pixels = hidden(pixels, prediction) if blur else checked(pixels)
    picture = Image.fromarray(pixels)
    marks = _marks(prediction, picture.size)
    pen = ImageDraw.Draw(picture)
    for mark in marks:
        _draw_box(pen, mark, picture.size)
    if names:
        _draw_texts(pen, marks, prediction.classes, picture.size)
    return picture


def hidden(pixels: Pixels, prediction: Prediction) -> Pixels:
    """A copy of the picture whose found faces are ellipses of one colour, which nobody can undo.

    Networks recognise people in pixelated and blurred faces (McPherson et al., arXiv:1609.00408),
    so that only the mean colour is kept. The ellipse goes through the corners of the box.
    """
    picture = Image.fromarray(checked(pixels))
    pen = ImageDraw.Draw(picture)
    for box in boxes(prediction, picture.size):
        left, top, right, bottom = box
        region = pixels[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
        wide, high = ENCLOSING * (right - left) / 2 + 1, ENCLOSING * (bottom - top) / 2 + 1
        x, y = (left + right) / 2, (top + bottom) / 2
        red, green, blue = (int(value) for value in region.reshape(-1, 3).mean(0))
        pen.ellipse((x - wide, y - high, x + wide, y + high), fill=(red, green, blue))
    return np.asarray(picture)


def boxes(prediction: Prediction, size: tuple[int, int]) -> list[Area]:
    """The boxes in a picture that is shown with another width and height, cut at its border."""
    x_scale, y_scale = size[0] / prediction.size[0], size[1] / prediction.size[1]
    found = []
    for face in prediction.faces:
        x, y, width, height = face.box
        left, right = np.clip((x_scale * x, x_scale * (x + width)), 0, size[0] - 1).tolist()
        top, bottom = np.clip((y_scale * y, y_scale * (y + height)), 0, size[1] - 1).tolist()
        found.append((left, top, right, bottom))
    return found


def again(prediction: Prediction) -> Pixels:
    """The pixels of a prediction: those in memory, or the picture file read again.

    Raises InputError where the picture is gone, and for a video, whose frames are not kept.
    """
    from fer.inference import pictures, sources  # they draw nothing, so they load when needed

    if prediction.pixels is not None:
        return prediction.pixels
    lost = f"{prediction.source}: its pixels are no longer in memory, pass them: draw(pixels)"
    try:
        (source,) = sources.expand(Path(prediction.source))
    except (InputError, ValueError):
        raise InputError(lost) from None
    if source.kind != "picture":
        raise InputError(lost)
    for picture in pictures.read(source, every_frame=prediction.frame > 0):
        if picture.frame == prediction.frame:
            return picture.pixels
    raise InputError(f"{prediction.source}: no frame {prediction.frame}, has the file changed?")


def checked(pixels: Pixels) -> Pixels:
    """The pixels. Raises InputError unless they are uint8 [H, W, 3]."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(
            f"pixels: {pixels.dtype} {pixels.shape}, expected the upright picture, uint8 (H, W, 3)"
        )
    return pixels


def ink(colour: str) -> str:
    """Black or white, whichever has the higher contrast to a colour: always 4.5 or more (WCAG 2)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"


def colour(label: str, classes: Sequence[str]) -> str:
    """The colour of a label, light grey for one that is no class, such as `unsure`."""
    return dict(zip(classes, colours(classes), strict=True)).get(label, NEUTRAL)


def _marks(prediction: Prediction, size: tuple[int, int]) -> list[Mark]:
    """What is drawn, the largest faces last, so that small ones choose their place first."""
    low = max(LEAST, round(SMALL * max(size)))
    high = max(low, round(LARGE * max(size)))
    found = [
        Mark(
            face=face,
            box=box,
            colour=colour(face.label, prediction.classes),
            size=int(np.clip((box[2] - box[0]) / 7, low, high)),
        )
        for face, box in zip(prediction.faces, boxes(prediction, size), strict=True)
    ]
    return sorted(found, key=lambda mark: mark.box[2] - mark.box[0])


def _draw_box(pen: ImageDraw.ImageDraw, mark: Mark, size: tuple[int, int]) -> None:
    """A line in the face's colour between two of black or white, which is seen on any picture."""
    edge = max(1, round(mark.line / 3))
    left, top, right, bottom = (round(value) for value in mark.box)
    rings = ((ink(mark.colour), 0, 2 * edge + mark.line), (mark.colour, edge, mark.line))
    for fill, inset, width in rings:
        ring = (left + inset, top + inset, right - inset, bottom - inset)
        if ring[0] <= ring[2] and ring[1] <= ring[3]:
            pen.rectangle(ring, outline=fill, width=width)


def _draw_texts(
    pen: ImageDraw.ImageDraw, marks: Sequence[Mark], classes: Sequence[str], size: tuple[int, int]
) -> None:
    """Labels of all faces, then bars where they cover nothing."""
    taken = np.array([mark.box for mark in marks], float).reshape(-1, 4)
    labels = np.empty((0, 4))
    for mark in marks:
        fitted = _fitted(mark.text, mark.size, size)
        if fitted is None:
            continue
        text, font, wide, high = fitted
        place = _label_place(mark.box, (wide, high), size, taken, labels)
        labels = np.vstack((labels, place))
        _draw_plate(pen, place, text, font, mark.colour)
    taken = np.vstack((taken, labels))
    for mark in reversed(marks):
        panel = Panel(max(LEAST, round(0.8 * mark.size)), tuple(classes))
        spot = _panel_place(mark.box, panel, size, taken)
        if spot is not None:
            taken = np.vstack((taken, spot))
            panel.draw(pen, spot, mark.face)


def _fitted(
    text: str, size: int, room: tuple[int, int]
) -> tuple[str, ImageFont.FreeTypeFont, int, int] | None:
    """A text that fits into the picture, with its font, width and height; None where none fits."""
    while True:
        font = _font(size, text)
        wide, high = round(font.getlength(text) + 0.7 * size), round(1.45 * size)
        if wide <= room[0] and high <= room[1]:
            return text, font, wide, high
        if size > LEAST:
            size = max(LEAST, round(0.8 * size))
        elif len(text) > 4 and high <= room[1]:
            text = text[-4:].strip() if len(text) <= 8 else text[: len(text) - 6].strip() + "…"
        else:
            return None


def _label_place(
    box: Area,
    plate: tuple[int, int],
    size: tuple[int, int],
    boxes: NDArray[np.float64],
    labels: NDArray[np.float64],
) -> Area:
    """The place near a box that covers the least of other labels and of faces."""
    places = [_moved_in(place, plate, size) for place in _label_places(box, plate)]
    costs = [
        4 * _overlap(place, labels).sum() + _overlap(place, boxes).sum() + 0.001 * order
        for order, place in enumerate(places)
    ]
    return places[int(np.argmin(costs))]


def _label_places(box: Area, plate: tuple[int, int]) -> Iterator[tuple[float, float]]:
    """Corners at which a label may start, the best first: above, below, beside, then inside."""
    left, top, right, bottom = box
    wide, high = plate
    for y in (top - high - 1, bottom + 1):
        yield left, y
        yield right - wide, y
        yield (left + right - wide) / 2, y
    for x in (right + 1, left - wide):
        yield x, top
        yield x, bottom - high
    yield left, top
    yield left, bottom - high


def _panel_place(
    box: Area, panel: Panel, size: tuple[int, int], taken: NDArray[np.float64]
) -> Area | None:
    """The place next to a box where its bars cover no face and no text, or None."""
    left, top, right, bottom = box
    wide, high = panel.extent
    if high > 1.6 * (bottom - top):
        return None  # a panel much higher than its face could belong to any face
    gap = panel.size / 2
    for x, y in (
        (right + gap, top),
        (left - gap - wide, top),
        (left, bottom + gap),
        (left, top - gap - high),
        (left, bottom + gap + 2 * panel.size),
    ):
        place = _moved_in((x, y), (wide, high), size)
        free = wide <= size[0] and high <= size[1] and not _overlap(place, taken).any()
        if free:
            return place
    return None


@dataclass(frozen=True)
class Panel:
    """Bars of all classes, at a size of text."""

    size: int
    classes: tuple[str, ...]

    @property
    def row(self) -> int:
        return round(1.3 * self.size)

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        return _font(self.size, "".join(map(_short, self.classes)))

    @property
    def columns(self) -> tuple[int, int, int]:
        """The widths of names, bars and percentages."""
        font = self.font
        names = max((font.getlength(_short(name)) for name in self.classes), default=0)
        return round(names), round(4.5 * self.size), round(font.getlength("100 %"))

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height, with half a letter between columns and around all."""
        return sum(self.columns) + 2 * self.size, self.row * len(self.classes) + self.size // 2

    def draw(self, pen: ImageDraw.ImageDraw, place: Area, face: Face) -> None:
        names, bars, _ = self.columns
        pen.rectangle(place, fill=PANEL)
        half, font = self.size / 2, self.font
        left, top = place[0] + half, place[1] + self.size / 4
        for name, fill, value in zip(
            self.classes, colours(self.classes), face.probabilities, strict=True
        ):
            middle, start = top + self.row / 2, left + names + half
            pen.text((left, middle), _short(name), PAPER, font, anchor="lm")
            rail = (start, middle - 0.3 * self.size, start + bars, middle + 0.3 * self.size)
            pen.rectangle(rail, fill=RAIL)
            if bars * value >= 1:
                pen.rectangle((*rail[:2], start + bars * float(value), rail[3]), fill=fill)
            right = place[2] - half
            pen.text((right, middle), _percent(float(value)), PAPER, font, anchor="rm")
            top += self.row


def _draw_plate(
    pen: ImageDraw.ImageDraw, place: Area, text: str, font: ImageFont.FreeTypeFont, fill: str
) -> None:
    left, top, right, bottom = place
    pen.rectangle((left, top, right - 1, bottom - 1), fill=fill)
    pen.text(((left + right) / 2, (top + bottom) / 2), text, ink(fill), font, anchor="mm")


def _moved_in(corner: tuple[float, float], plate: tuple[int, int], size: tuple[int, int]) -> Area:
    """A plate at a corner, moved into the picture. The numbers are whole."""
    left = max(0, min(round(corner[0]), size[0] - plate[0]))
    top = max(0, min(round(corner[1]), size[1] - plate[1]))
    return left, top, left + plate[0], top + plate[1]


def _overlap(area: Area, others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The common pixels of an area with each of `others`, [N, 4]: float [N]."""
    wide = np.minimum(area[2], others[:, 2]) - np.maximum(area[0], others[:, 0])
    high = np.minimum(area[3], others[:, 3]) - np.maximum(area[1], others[:, 1])
    common: NDArray[np.float64] = wide.clip(min=0) * high.clip(min=0)
    return common


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


@cache
def _font(size: int, text: str) -> ImageFont.FreeTypeFont:
    """The font that has the characters of a text."""
    return ImageFont.truetype(fonts.file_for(text), size, layout_engine=ImageFont.Layout.BASIC)
