"""What is made of an encoded image: grey, a centre square, one size; and of one that is none."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from fer.data.colours import GREY
from fer.data.readers.images import decode, prepare, prepare_all
from fer.inference.pictures import read
from fer.inference.sources import Source

RNG = np.random.default_rng(1)


def encoded(image: np.ndarray, ending: str = ".png") -> bytes:
    done, data = cv2.imencode(ending, image)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
def test_a_grey_face_of_the_size_stays_as_it_is(ending):
    image = RNG.integers(0, 256, (48, 48), dtype=np.uint8)
    np.testing.assert_array_equal(prepare(encoded(image, ending), size=48), image)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (8, 6), (6, 6)])
def test_the_centre_square_is_averaged_over_areas(height, width):
    image = RNG.integers(0, 256, (height, width), dtype=np.uint8)
    top, left = (height - 6) // 2, (width - 6) // 2
    square = image[top : top + 6, left : left + 6].astype(float)
    by_hand = square.reshape(2, 3, 2, 3).mean((1, 3))  # areas of 3x3
    assert np.abs(prepare(encoded(image), size=2) - by_hand).max() <= 0.5


def test_colours_become_grey_by_the_usual_weights():
    image = RNG.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    blue, green, red = image.astype(float).transpose(2, 0, 1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601
    assert np.abs(prepare(encoded(image), size=48) - grey).max() < 1.1  # libpng cuts decimals off


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_lossy_forms(ending):
    image = cv2.GaussianBlur(RNG.integers(0, 256, (100, 80, 3), dtype=np.uint8), (0, 0), 5)
    face = prepare(encoded(image, ending), size=40)
    exact = prepare(encoded(image), size=40)
    assert face.shape == (40, 40) and np.abs(face.astype(int) - exact).mean() < 3


def test_small_images_are_enlarged():
    assert prepare(encoded(np.full((5, 7), 9, np.uint8)), size=48).tolist() == [[9] * 48] * 48


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.95])
def test_an_image_cut_off_is_refused(ending, part):
    image = cv2.GaussianBlur(RNG.integers(0, 256, (100, 80, 3), dtype=np.uint8), (0, 0), 2)
    data = encoded(image, ending)
    data = data[: int(part * len(data))]
    with pytest.raises(
        ValueError, match=f"^no complete image that OpenCV can read .{len(data):,} b"
    ):
        prepare(data, size=48)


def test_all_come_in_order_with_their_faults(tmp_path):
    images = RNG.integers(0, 256, (40, 48, 48), dtype=np.uint8)
    sources = [encoded(image) for image in images]
    sources[7] = b"no image"
    found = list(prepare_all(sources, bytes, size=48))
    assert isinstance(found.pop(7), ValueError)
    np.testing.assert_array_equal(found, np.delete(images, 7, axis=0))
    missing = prepare_all([tmp_path / "x"], lambda path: path.read_bytes(), size=48)
    assert [str(fault) for fault in missing] == ["No such file or directory"]


@pytest.fixture(scope="module")
def smooth() -> np.ndarray:
    """Smooth colours, RGB uint8 [40, 40, 3]."""
    image = cv2.GaussianBlur(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8), (0, 0), 3)
    return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)


def saved(image: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(("form", "options"), [
    ("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})
])  # fmt: skip
@pytest.mark.parametrize("hidden", [0, 255])
def test_colours_under_transparent_pixels_do_not_count(smooth, form, options, hidden) -> None:
    shown = np.tri(40, dtype=bool)[..., None]
    image = Image.fromarray(np.where(shown, smooth, hidden).astype(np.uint8))
    image.putalpha(Image.fromarray(shown[..., 0].astype(np.uint8) * 255))
    flat = Image.fromarray(np.where(shown, smooth, GREY).astype(np.uint8))
    np.testing.assert_array_equal(decode(saved(image, form, **options)), decode(saved(flat, "PNG")))


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_or_of_greys_lies_on_grey(smooth, form) -> None:
    image = Image.fromarray(smooth).quantize(16)
    colours = np.array(image.convert("RGB"))
    colours[np.array(image) == 3] = GREY
    expected = decode(saved(Image.fromarray(colours), "PNG"))
    np.testing.assert_array_equal(decode(saved(image, form, transparency=3)), expected)
    grey = np.full((9, 9), 100, np.uint8)
    assert (decode(saved(Image.fromarray(grey), "PNG", transparency=100)) == GREY).all()


@pytest.mark.parametrize("ending", [".png", ".tiff", ".pgm"])
@pytest.mark.parametrize("bits", [12, 16])
def test_sixteen_bits_are_as_bright_as_eight(smooth, ending, bits) -> None:
    grey = smooth[..., 0]
    deep = np.rint(grey / 255 * (2**bits - 1)).astype(np.uint16)
    np.testing.assert_array_equal(decode(encoded(deep, ending)), grey)


def test_an_opaque_layer_changes_nothing_nor_do_later_frames(smooth) -> None:
    image = Image.fromarray(smooth)
    plain = decode(saved(image, "PNG"))
    np.testing.assert_array_equal(decode(saved(image.convert("RGBA"), "PNG")), plain)
    turned = {"save_all": True, "append_images": [image.rotate(90)]}
    np.testing.assert_allclose(decode(saved(image, "PNG", **turned)), plain, atol=1)
    np.testing.assert_allclose(decode(saved(image, "WEBP", lossless=True, **turned)), plain, atol=1)


def test_a_picture_and_a_face_of_a_dataset_follow_one_rule(smooth, tmp_path) -> None:
    image = Image.fromarray(smooth)
    image.putalpha(image.getchannel("G"))
    path = tmp_path / "a.png"
    image.save(path)
    (picture,) = read(Source(str(path), "picture", str(path)))
    again = decode(saved(Image.fromarray(picture.pixels), "PNG"))
    np.testing.assert_array_equal(decode(path.read_bytes()), again)


def bmp_with_opacity(values: np.ndarray) -> bytes:
    """A BMP of RGBA uint8 [H, W, 4] with the masks of a version 4 header, which Pillow does not write."""
    height, width = values.shape[:2]
    pixels = values[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    return struct.pack("<2sIII", b"BM", 122 + len(pixels), 0, 122) + head + masks + pixels


def test_opacity_of_a_bmp_and_of_a_grey_tiff_counts(smooth) -> None:
    shown = np.tri(40, dtype=np.uint8) * 255
    flat = np.where(shown[..., None] > 0, smooth, GREY).astype(np.uint8)
    expected = decode(saved(Image.fromarray(flat), "PNG"))
    np.testing.assert_array_equal(decode(bmp_with_opacity(np.dstack([smooth, shown]))), expected)
    grey = Image.fromarray(smooth[..., 0])
    grey.putalpha(Image.fromarray(shown))
    flat_grey = np.where(shown > 0, smooth[..., 0], GREY)
    np.testing.assert_array_equal(decode(saved(grey, "TIFF")), flat_grey)


def test_a_transparent_image_cut_off_is_refused(smooth) -> None:
    data = saved(Image.fromarray(smooth).convert("RGBA"), "PNG")
    with pytest.raises(ValueError, match="^no complete image"):
        decode(data[:300])
