"""Each kind of picture that people have, written by the test itself."""

import io
import os
import struct
import tracemalloc
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from fer.data.colours import GREY
from fer.inference import pictures as room
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
STORED = {  # EXIF orientation: how a file with it stores the upright picture
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
LIKE_THE_SCENE = 12  # the largest difference of a lossy picture, measured: 9


def assert_scene(picture: Picture, tolerance: int = LIKE_THE_SCENE) -> None:
    assert picture.size == (40, 30) and picture.pixels.shape == (30, 40, 3)
    assert picture.pixels.dtype == np.uint8 and picture.scale == 1
    assert np.abs(middles(picture.pixels) - middles(UPRIGHT)).max() <= tolerance


def heif():
    pytest.importorskip("pillow_heif").register_heif_opener()


@pytest.mark.parametrize(
    "suffix, orientation",
    [(suffix, number) for suffix in ("png", "jpg", "webp", "tiff") for number in STORED]
    + [("heic", 6), ("avif", 6)],
)
def test_a_picture_is_turned_as_its_exif_data_says(tmp_path, suffix, orientation):
    if suffix == "heic":
        heif()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
    stored.save(tmp_path / f"a.{suffix}", exif=exif.tobytes(), quality=95)
    (picture,) = pictures(tmp_path / f"a.{suffix}")
    assert_scene(picture)


def test_a_deep_picture_is_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(UPRIGHT).astype(np.uint16) * 257
    Image.fromarray(stored[..., 0].copy()).save(tmp_path / "grey.png", exif=exif)
    Image.fromarray(stored[..., 0].copy()).save(tmp_path / "grey.tiff", exif=exif)
    for picture in pictures([tmp_path / "grey.png", tmp_path / "grey.tiff"]):
        assert picture.size == (40, 30)
        np.testing.assert_array_equal(picture.pixels[..., 0], UPRIGHT[..., 0])


def test_broken_exif_data_leaves_the_picture_as_it_is(tmp_path):
    scene().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01", quality=95)
    assert_scene(*pictures(tmp_path / "a.jpg"))


MODES = {
    "grey.png": "L",
    "grey.jpg": "L",
    "one_bit.png": "1",
    "one_bit.tiff": "1",
    "palette.png": "P",
    "palette.gif": "P",
    "palette.bmp": "P",
    "alpha.png": "RGBA",
    "alpha.webp": "RGBA",
    "grey_alpha.png": "LA",
    "cmyk.tiff": "CMYK",
    "plain.bmp": "RGB",
    "plain.ppm": "RGB",
    "plain.jp2": "RGB",
    "plain.tiff": "RGB",
    "plain.avif": "RGB",
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_becomes_rgb(tmp_path, name):
    scene(MODES[name]).save(tmp_path / name)
    (picture,) = pictures(tmp_path / name)
    expected = np.asarray(scene(MODES[name]).convert("RGB"))
    assert picture.size == (40, 30)
    assert np.abs(middles(picture.pixels) - middles(expected)).max() <= LIKE_THE_SCENE


def test_a_cmyk_jpeg_that_adobe_inverted_has_its_colours(tmp_path):
    path = tmp_path / "a.jpg"
    scene("CMYK").save(path, quality=95)
    assert b"Adobe" in path.read_bytes()[:300]  # the mark of inks that are stored inverted
    (picture,) = pictures(path)
    assert_scene(picture)
    assert np.abs(cv2.imread(str(path))[..., ::-1].astype(int) - picture.pixels).mean() < 4


@pytest.mark.parametrize("name", ["a.png", "a.webp", "palette.png", "grey.png", "grey_alpha.png"])
def test_what_is_transparent_lies_on_grey(tmp_path, name):
    alpha = np.full((30, 40), 255, np.uint8)
    alpha[:15] = 0
    image = Image.fromarray(np.dstack([np.zeros((30, 40, 3), np.uint8), alpha]))
    if name == "palette.png":
        image = image.quantize(2)
    elif name == "grey.png":
        image = Image.fromarray(alpha)
        image.info["transparency"] = 0
    elif name == "grey_alpha.png":
        image = image.convert("LA")
    image.save(tmp_path / name, lossless=True)
    (picture,) = pictures(tmp_path / name)
    assert (picture.pixels[:15] == GREY).all()
    assert (picture.pixels[15:] == (255 if name == "grey.png" else 0)).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_keep_their_brightness(tmp_path, bits, suffix, channels):
    values = np.linspace(0, 2**bits - 1, 30 * 40).reshape(30, 40).round().astype(np.uint16)
    picture = deep(tmp_path / f"a.{suffix}", values, channels)
    expected = np.floor(values * (255 / (2**bits - 1)) + 0.5)
    np.testing.assert_array_equal(picture.pixels, np.repeat(expected[..., None], 3, 2))


def deep(path, values, channels: int) -> Picture:
    """The picture of grey values written in 1 or 3 channels, or 4 where alpha is the last."""
    opaque = np.full_like(values, np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1)
    stored = {1: values, 3: np.dstack([values] * 3), 4: np.dstack([values] * 3 + [opaque])}
    cv2.imwrite(str(path), stored[channels])
    (picture,) = pictures(path)
    return picture


def test_sixteen_bit_colours_are_not_mixed_up(tmp_path):
    for suffix in ("png", "tiff"):
        cv2.imwrite(str(tmp_path / f"a.{suffix}"), UPRIGHT[..., ::-1].astype(np.uint16) * 257)
        assert_scene(*pictures(tmp_path / f"a.{suffix}"), tolerance=0)


@pytest.mark.parametrize("largest", [1, 255, 65535, 70000])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_float_tiff_is_scaled_by_its_values(tmp_path, largest, channels):
    values = np.linspace(-0.1, 1, 30 * 40, dtype=np.float32).reshape(30, 40) * largest
    values[0, 5] = np.nan
    picture = deep(tmp_path / "a.tiff", values, channels)
    expected = np.nan_to_num(values / largest).clip(0, 1) * 255
    assert np.abs(picture.pixels - expected[..., None]).max() <= 0.51


def test_a_black_deep_picture_stays_black(tmp_path):
    assert not deep(tmp_path / "a.png", np.zeros((30, 40), np.uint16), 1).pixels.any()


def animated(path, durations=(100, 300, 200)) -> None:
    """Three frames, each of one grey, written with their durations in milliseconds."""
    frames = [Image.new("RGB", (40, 30), (shade,) * 3) for shade in (0, 120, 240)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(durations))


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_an_animated_picture_gives_its_first_frame_or_all_with_their_times(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    animated(path)
    (first,) = pictures(path)
    assert (first.frame, first.time) == (0, None)
    every = pictures(path, every_frame=True)
    assert [picture.frame for picture in every] == [0, 1, 2]
    assert [picture.time for picture in every] == pytest.approx([0, 0.1, 0.4])
    shades = [int(picture.pixels.mean()) for picture in every]
    assert shades == pytest.approx([0, 120, 240], abs=4)


def test_a_frame_without_a_duration_lasts_as_long_as_browsers_show_it(tmp_path):
    animated(tmp_path / "a.gif", (0, 10, 20))
    every = pictures(tmp_path / "a.gif", every_frame=True)
    assert [picture.time for picture in every] == pytest.approx([0, 0.1, 0.2])


def test_pages_are_no_frames(tmp_path):
    pages = [Image.new("L", (40, 30), shade) for shade in (10, 200)]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pages[1:])
    for name in ("a.tiff", "a.jpg"):
        (picture,) = pictures(tmp_path / name, every_frame=True)
        assert picture.time is None and abs(int(picture.pixels.max()) - 10) <= 2


def test_heic_is_read_where_its_package_is(tmp_path):
    heif()
    scene().save(tmp_path / "a.heic", quality=95)
    assert_scene(*pictures(tmp_path / "a.heic"))


def test_heic_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    with pytest.raises(Unreadable, match=r"a\.heic: .*pip install 'fer-lab\[heic\]'"):
        pictures(tmp_path / "a.heic")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tiff"])
def test_one_pixel_is_a_picture(tmp_path, suffix):
    Image.new("RGB", (1, 1), "white").save(tmp_path / f"a.{suffix}")
    (picture,) = pictures(tmp_path / f"a.{suffix}")
    assert picture.size == (1, 1) and picture.pixels.tolist() == [[[255, 255, 255]]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff"])
def test_a_huge_picture_is_reduced_and_knows_its_size(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(room, "WHOLE", 3000)
    scene(size=(401, 301)).save(tmp_path / f"a.{suffix}", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(size=(401, 301)).save(tmp_path / f"turned.{suffix}", exif=exif)
    upright, turned = pictures([tmp_path / f"a.{suffix}", tmp_path / f"turned.{suffix}"])
    assert upright.size == (401, 301) and turned.size == (301, 401)
    for picture in (upright, turned):
        height, width = picture.pixels.shape[:2]
        assert 600 < height * width <= 3000
        assert width * picture.scale == pytest.approx(picture.size[0], rel=0.02)
        assert height * picture.scale == pytest.approx(picture.size[1], rel=0.02)
    assert (upright.pixels[3, 3] > (240, -1, -1)).all() and upright.pixels[-3, -3].min() > 240


@pytest.mark.slow
def test_a_hundred_megapixels_are_read(tmp_path):
    Image.effect_noise((1250, 1000), 60).resize((12500, 8000)).save(tmp_path / "a.jpg")
    (picture,) = pictures(tmp_path / "a.jpg")
    assert picture.size == (12500, 8000) and picture.pixels.shape == (4000, 6250, 3)


def claiming(suffix: str, width: int, height: int) -> bytes:
    """A small file that claims to have many pixels."""
    content = io.BytesIO()
    scene().save(content, {"jpg": "JPEG", "tiff": "TIFF"}.get(suffix, suffix.upper()))
    stored = bytearray(content.getvalue())
    if suffix == "jpg":
        at = stored.index(b"\xff\xc0") + 5
        stored[at : at + 4] = struct.pack(">HH", height, width)
    elif suffix == "png":
        stored[16:24] = struct.pack(">II", width, height)
        stored[29:33] = struct.pack(">I", zlib.crc32(stored[12:29]))
    elif suffix == "bmp":
        stored[18:26] = struct.pack("<II", width, height)
    elif suffix == "gif":
        stored[6:10] = struct.pack("<HH", width, height)
    else:
        for tag, value in ((256, width), (257, height)):
            at = stored.index(struct.pack("<HHI", tag, 4, 1)) + 8
            stored[at : at + 4] = struct.pack("<I", value)
    return bytes(stored)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif", "tiff"])
def test_a_bomb_is_refused_without_its_memory(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(claiming(suffix, 60000, 60000))
    tracemalloc.start()
    with pytest.raises(Unreadable, match=r"a\.\w+: .*pixels") as caught:
        pictures(tmp_path / f"a.{suffix}")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert "\n" not in str(caught.value)


def broken_files() -> dict[str, tuple[bytes, str]]:
    """Names of files, their content, and what the message must say."""
    jpeg, png = io.BytesIO(), io.BytesIO()
    noise = Image.effect_noise((200, 200), 50)
    noise.save(jpeg, "JPEG")
    noise.save(png, "PNG")
    return {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"Dear diary, this is no picture.", "not a picture"),
        "page.jpg": (b"<!DOCTYPE html><html><body>Not found</body></html>", "HTML"),
        "drawing.png": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        "paper.jpg": (b"%PDF-1.7 ...", "PDF"),
        "half.jpg": (jpeg.getvalue()[: len(jpeg.getvalue()) // 2], "truncated"),
        "last_byte.jpg": (jpeg.getvalue()[:-2], "truncated"),
        "start.jpg": (jpeg.getvalue()[:20], "JPEG"),
        "half.png": (png.getvalue()[: len(png.getvalue()) // 2], "truncated"),
        "start.png": (png.getvalue()[:20], "Truncated"),
        "zeros.jpg": (bytes(5000), "not a picture"),
        "film.jpg": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "video"),
    }


@pytest.mark.parametrize("name", broken_files())
def test_what_is_no_picture_is_named_in_one_line(tmp_path, capfd, name):
    content, words = broken_files()[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        pictures(tmp_path / name)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / name}: ") and words in line and "\n" not in line
    assert "<_io" not in line and "object at" not in line
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["gif", "webp", "tiff", "bmp", "avif", "jp2"])
def test_half_a_file_is_refused_in_every_format(tmp_path, capfd, suffix):
    Image.effect_noise((200, 200), 50).convert("RGB").save(tmp_path / f"a.{suffix}")
    content = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(Unreadable, match=r"a\.\w+: [^\n]*$"):
        pictures(tmp_path / f"a.{suffix}")
    assert capfd.readouterr() == ("", "")


def test_half_a_deep_picture_is_refused(tmp_path, capfd):
    for suffix in ("png", "tiff"):
        path = tmp_path / f"a.{suffix}"
        noise = np.random.default_rng(0).integers(0, 65536, (60, 60, 3), dtype=np.uint16)
        cv2.imwrite(str(path), noise)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(Unreadable):
            pictures(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name, form", [("a.jpg", "PNG"), ("a.png", "JPEG"), ("a.heic", "JPEG")])
def test_the_content_counts_and_not_the_suffix(tmp_path, name, form):
    scene().save(tmp_path / name, form, quality=95)
    assert_scene(*pictures(tmp_path / name))


@pytest.mark.parametrize(
    "name", ["with space.jpg", "Ö ñ ß.jpg", "顔写真.jpg", "صورة.jpg", "😀.jpg", "%s{}.jpg"]
)
def test_names_in_any_script(tmp_path, name):
    scene().save(tmp_path / name, quality=95)
    (picture,) = pictures(str(tmp_path / name))
    assert picture.source == str(tmp_path / name)
    assert_scene(picture)


def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        open(path, "wb").close()
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    scene().save(os.fsdecode(path))
    (picture,) = pictures(tmp_path)
    assert picture.source.endswith("caf\\udce9.png")
    assert_scene(picture)


def test_places_without_a_file_are_named(tmp_path):
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name, words in (("link.jpg", "nowhere"), ("folder.jpg", "folder"), ("no.jpg", "no such")):
        source = Source(name, "picture", tmp_path / name)
        with pytest.raises(Unreadable, match=f"^{name}: .*{words}"):
            list(read(source))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    scene().save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(Unreadable, match="a.png: permission"):
        pictures(tmp_path / "a.png")


def test_a_refusal_of_the_system_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    scene().save(tmp_path / "a.png")
    (source,) = expand(tmp_path / "a.png")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(Unreadable, match="a.png: permission denied"):
        list(read(source))


def test_warnings_of_pillow_stay_away_and_those_of_others_do_not(tmp_path):
    scene("P").save(tmp_path / "a.png", transparency=bytes(range(250, 256)))
    filters = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures(tmp_path / "a.png")
        with pytest.raises(UserWarning):
            warnings.warn("of the user")
    assert list(warnings.filters) == filters


MEMORY = {
    "rgb": UPRIGHT,
    "float": UPRIGHT / 255,
    "float32": (UPRIGHT / 255).astype(np.float32),
    "uint16": UPRIGHT.astype(np.uint16) * 257,
    "rgba": np.dstack([UPRIGHT, np.full((30, 40), 255, np.uint8)]),
    "strided": np.repeat(UPRIGHT, 2, 1)[:, ::2],
    "pil": Image.fromarray(UPRIGHT),
    "pil palette": scene("P"),
}


@pytest.mark.parametrize("name", MEMORY)
def test_pictures_in_memory(name):
    (picture,) = pictures(MEMORY[name])
    assert picture.source == "picture 0" and picture.time is None
    assert_scene(picture, tolerance=0)


def test_grey_arrays_tensors_and_batches():
    torch = pytest.importorskip("torch")
    grey = UPRIGHT[..., 0]
    for value in (grey, grey[..., None], grey > 0, torch.tensor(grey.copy())):
        (picture,) = pictures(value)
        np.testing.assert_array_equal(picture.pixels, np.repeat(grey[..., None], 3, 2))
    tensor = torch.tensor(UPRIGHT.copy()).permute(2, 0, 1)
    for value in (tensor, tensor / 255, (tensor / 255).requires_grad_()):
        assert_scene(*pictures(value), tolerance=0)
    several = pictures([tensor.expand(2, 3, 30, 40), UPRIGHT])
    assert [picture.source for picture in several] == ["picture 0", "picture 1", "picture 2"]


def test_a_pil_image_is_turned_and_stays_as_it_was(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.rot90(UPRIGHT, -1).copy()).save(tmp_path / "a.png", exif=exif)
    image = Image.open(tmp_path / "a.png")
    assert_scene(*pictures(image), tolerance=0)
    assert image.size == (30, 40) and image.getexif()[0x0112] == 8


@pytest.mark.parametrize(
    "value, words",
    [
        (UPRIGHT.astype(float), "values from 0 to 255"),
        (np.full((9, 9), np.nan), "nan"),
        (UPRIGHT.astype(int), "int64"),
        (UPRIGHT.astype(complex), "complex"),
    ],
)
def test_arrays_with_other_values_are_refused(value, words):
    with pytest.raises(Unreadable, match=f"picture 0: .*{words}"):
        pictures(value)
