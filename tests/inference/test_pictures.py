"""Each kind of picture that people have, written by the test itself."""

import io

import numpy as np
import pytest
from PIL import Image

from fer.inference.pictures import Picture, Unreadable, read
from fer.inference.sources import Source, expand


def pictures(place, **options) -> list[Picture]:
    return [picture for source in expand(place) for picture in read(source, **options)]


def scene(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A picture whose corners differ: red at the upper left, then green, blue and white."""
    colours = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], dtype=np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.NEAREST).convert(mode)


def middles(pixels: np.ndarray) -> np.ndarray:
    """The middles of the four quarters of a scene: int [2, 2, 3]."""
    return pixels[7::15, 10::20].astype(int)


UPRIGHT = np.asarray(scene())
TURNED = {  # orientation: how the upright picture is stored
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "heic", "avif"])
@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_its_exif_data_says(tmp_path, orientation, suffix):
    path = tmp_path / f"photo.{suffix}"
    if suffix == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if suffix == "webp" else {"quality": 95}
    stored = np.ascontiguousarray(TURNED[orientation](UPRIGHT))
    Image.fromarray(stored).save(path, exif=exif, **lossless)
    (picture,) = pictures(path)
    assert picture.size == (40, 30)
    assert np.abs(middles(picture.pixels) - middles(UPRIGHT)).max() < 12
