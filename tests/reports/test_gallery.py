"""The gallery: complete, closed, bounded, and true to what was predicted."""

import base64
import hashlib
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.data.labels import EMOTIONS
from fer.inference.prediction import PURPOSE, Face, Prediction
from fer.reports import gallery as module
from fer.reports.gallery import BYTES, Gallery

FACTS = {"model": "shipped", "sha256": "2c92", "seconds": 75.0, "command": "fer predict <x>"}
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (60, 90, 3), dtype=np.uint8)


def face(confidence: float, label: str = "happy", *warnings: str) -> Face:
    rest = (1 - confidence) / 6
    p = np.full(7, rest, np.float32)
    p[EMOTIONS.index(label)] = confidence
    return Face((20, 10, 30, 40), 0.9, label, confidence, p, warnings=warnings)


def prediction(name: str, *faces: Face) -> Prediction:
    return Prediction(name, 0, None, (90, 60), faces, EMOTIONS)


def written(path: Path, made: Gallery) -> str:
    made.write(path / "report.html", FACTS)
    assert [file.name for file in path.iterdir()] == ["report.html"]
    return (path / "report.html").read_text()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = Gallery(EMOTIONS)
    made.add(prediction("a & <b>.png", face(0.9), face(0.4, "sad", "small", "dark")), NOISE)
    made.add(prediction("none.png"), NOISE)
    made.add(prediction("写真.png", *[face(0.5 + 0.01 * i, "fear") for i in range(9)]), NOISE)
    made.skip("broken.jpg: <truncated>")
    return written(tmp_path_factory.mktemp("gallery"), made)


def test_counts(page: str) -> None:
    text = " ".join(re.sub(r"<[^>]*>", " ", page.partition("<main>")[2]).split())
    assert "Pictures 3 Faces 11 Pictures without a face 1 Unreadable files 1" in text
    assert "happy 1 9.1 % sad 1 9.1 %" in text and "fear 9 81.8 %" in text
    assert "small few pixels 1 (9 %)" in text
    assert "7 more faces" in text and "no face found" in text
    assert "broken.jpg: &lt;truncated&gt;" in text and "1 min 15 s" in text
    assert "pictures are shown" not in text


def test_purpose_and_escaping(page: str) -> None:
    assert PURPOSE in page and "model card" in PURPOSE
    assert "<b>.png" not in page and "a &amp; &lt;b&gt;.png" in page and "写真.png" in page
    assert "fer predict &lt;x&gt;" in page


def test_each_face_has_its_box_and_bars(page: str) -> None:
    assert page.count('class="box') == 11 and page.count('<ul class="bars">') == 11
    assert "left:22.22%;top:16.67%;width:33.33%;height:66.67%" in page
    assert 'data-labels="3 4 "' in page and 'data-labels="none"' in page
    assert 'data-low="0.4" data-high="0.9"' in page


def test_the_page_loads_nothing_and_runs_its_own_script_alone(page: str) -> None:
    links = re.findall(r'(?:src|href|srcset)="([^"]*)"', page)
    assert links and all(re.match("data:|#p", link) for link in links)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    assert not re.search(r"\son\w+=", page.replace(script, ""))


def test_every_input_has_a_label_and_every_picture_words(page: str) -> None:
    form = page[page.index("<form") : page.index("</form>")]
    assert form.count("<input") + form.count("<select") == form.count("<label")
    assert form.count("<legend>") == form.count("<fieldset>") == 2
    pictures = re.findall('<img [^>]*alt="([^"]*)"', page)
    assert pictures[0].endswith("happy 90 %, sad 40 %"), "the surest picture is the first"
    assert pictures[-1].endswith("no face found")


def test_without_a_picture(tmp_path: Path) -> None:
    assert "no picture was read" in written(tmp_path, Gallery(EMOTIONS))


def shown(page: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/jpeg;base64,([^\"]*)", page)
    return [np.asarray(Image.open(BytesIO(base64.b64decode(each)))) for each in found]


def test_switches_of_privacy(tmp_path: Path) -> None:
    made = Gallery(EMOTIONS, names=False, blur=True)
    made.add(prediction("a.png", face(0.9), face(0.8)), NOISE)
    page = written(tmp_path, made)
    assert 'class="tag"' not in page and not re.search(r'class="box[^>]*><span', page)
    (picture,) = shown(page)
    inside = picture[15:45, 25:45].astype(int)
    assert picture.shape == NOISE.shape and np.ptp(inside, axis=(0, 1)).max() < 40
    assert "Found faces are hidden" in page


def test_many_pictures_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 20)
    monkeypatch.setattr(module, "LEAST_SURE", 10)
    made = Gallery(EMOTIONS)
    sure = np.random.default_rng(1).permutation(500) / 1000 + 0.3
    for number, confidence in enumerate(sure):
        made.add(prediction(f"{number}.png", face(float(confidence))), NOISE)
    page = written(tmp_path, made)
    numbers = {int(n) for n in re.findall(r'id="p(\d+)"', page)}
    assert len(numbers) <= 20 and set(np.argsort(sure)[:10]) <= numbers
    spread = sorted(numbers - set(np.argsort(sure)[:10]))
    assert len(spread) >= 6 and {n % made._step for n in spread} == {0}
    assert f"{len(numbers)} of 500 pictures are shown" in page and "Faces in 500" in page
    assert made.labels.total() == 500


def test_as_many_as_fit_are_all_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 20)
    made = Gallery(EMOTIONS)
    for number in range(20):
        made.add(prediction(f"{number}.png"), NOISE)
    assert len(made._shown) == 20


def test_a_picture_of_noise_stays_small() -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (700, 900, 3), dtype=np.uint8))
    jpeg, size = module.small_jpeg(noise)
    assert len(jpeg) <= BYTES and Image.open(BytesIO(jpeg)).size == size


def test_a_crowd_is_cut_but_counted(tmp_path: Path) -> None:
    made = Gallery(EMOTIONS)
    made.add(prediction("crowd.png", *[face(0.7)] * 100), NOISE)
    page = written(tmp_path, made)
    assert page.count('class="box') == 60 and "The other 40 are in predictions.csv" in page
    assert "100 faces" in page
