"""Public sets in the layout in which they are downloaded, read by the commands of docs/data.md."""

import copy
import functools
import io
import json
import re
import shlex
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from fer.cli import subcommand
from fer.data.labels import EMOTIONS
from fer.data.readers.pixels import SIDE
from fer.data.sources import build_data

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
EIGHT = (*EMOTIONS, "contempt")
SEVEN = list(range(7))


def smooth(seed: int, *, suffix: str = ".png", side: int = SIDE) -> bytes:
    """An encoded image of a random soft pattern."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    return cv2.imencode(suffix, cv2.resize(coarse, (side, side)))[1].tobytes()


def npy(label: str) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(label))
    return file.getvalue()


def write(files: dict[str, bytes | str]) -> None:
    for name, content in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def tarred(name: str, files: dict[str, bytes]) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(name, "w") as archive:
        for inside, content in files.items():
            member = tarfile.TarInfo(inside)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def raf_db() -> None:
    names = [f"{part}_{number:05}" for part in ("train", "test") for number in range(1, 8)]
    write({f"basic/Image/aligned/{name}_aligned.jpg": smooth(at) for at, name in enumerate(names)})
    rows = [f"{name}.jpg {1 + at % 7}" for at, name in enumerate(names)]
    write({"basic/EmoLabel/list_patition_label.txt": "\n".join(rows)})


def raf_db_kaggle() -> None:
    write({
        f"DATASET/{part}/{label}/{part}_{label}_aligned.jpg": smooth(label + 9 * (part == "test"))
        for part in ("train", "test")
        for label in range(1, 8)
    })  # fmt: skip
    write({"train_labels.csv": "image,label\n", "test_labels.csv": "image,label\n"})


def affectnet() -> None:
    for part in ("train_set", "val_set"):
        for label in range(8):
            seed = label + 10 * (part == "val_set")
            write({f"{part}/images/{label}.jpg": smooth(seed)})
            write({f"{part}/annotations/{label}_exp.npy": npy(str(label))})
            write({f"{part}/annotations/{label}_aro.npy": npy("0.5")})


def affectnet_csv() -> None:
    header = (
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression"
    )
    for at, part in enumerate(("training", "validation")):
        rows = [f'{at}/{label}.jpg,4,5,40,40,"1;2;3",{label}' for label in range(11)]
        write({f"Manually_Annotated_Images/{at}/{label}.jpg": smooth(11 * at + label)
               for label in range(11)})  # fmt: skip
        write({f"{part}.csv": "\n".join([header, *rows])})


def ck_plus_48() -> None:
    folders = "anger contempt disgust fear happy sadness surprise".split()
    write({
        f"CK+48/{name}/S{person:03}_001_000000{at}.png": smooth(10 * person + at)
        for person in (10, 11)
        for at, name in enumerate(folders)
    })  # fmt: skip


def ck_plus() -> None:
    for label in range(1, 8):
        place = f"S{label:03}/001/S{label:03}_001_000000"
        write({f"cohn-kanade-images/{place}{frame:02}.png": smooth(9 * label + frame)
               for frame in (1, 12)})  # fmt: skip
        write({f"Emotion/{place}12_emotion.txt": f"   {label:.7e}\n"})


def jaffe() -> None:
    write({
        f"jaffe/{person}.{code}1.{at}.tiff": smooth(at, suffix=".tiff")
        for at, (person, code) in enumerate(
            (person, code)
            for person in ("KA", "YM")
            for code in "AN DI FE HA NE SA SU".split()
        )
    })  # fmt: skip
    write({"jaffe/README_FIRST.txt": "x"})


def kdef() -> None:
    write({
        f"KDEF/{session}{person}/{session}{person}{code}{angle}.JPG": smooth(hash_of(session, code, angle),
                                                                              suffix=".jpg")
        for session, person in (("A", "F01"), ("B", "F01"), ("A", "M02"))
        for code in "AF AN DI HA NE SA SU".split()
        for angle in ("S", "FL")
    })  # fmt: skip


def hash_of(*words: str) -> int:
    return sum(ord(letter) * 31**at for at, letter in enumerate("".join(words)))


def fer_plus() -> None:
    usages = ["Training", "PublicTest", "PrivateTest"]
    pixels = [" ".join([str(20 * row)] * SIDE**2) for row in range(9)]
    names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    votes = [",".join("9" if at == row else "0" for at in range(10)) for row in range(8)]
    votes.append(votes[0])
    write({
        "fer2013.csv": "emotion,pixels,Usage\n"
        + "\n".join(f"{row % 7},{pixels[row]},{usages[row // 3]}" for row in range(9)),
        "fer2013new.csv": f"Usage,Image name,{names}\n"
        + "\n".join(f"{usages[row // 3]},fer{row:07}.png,{votes[row]}" for row in range(9)),
    })  # fmt: skip


def expw() -> None:
    write({f"image/origin/photo_{label}.jpg": smooth(label, side=60) for label in range(7)})
    rows = [f"photo_{label}.jpg 0 5 6 46 45 99.2 {label}" for label in range(7)]
    write({"label/label.lst": "\n".join(rows)})


def sfew() -> None:
    names = "Angry Disgust Fear Happy Neutral Sad Surprise".split()
    write({
        f"SFEW_2/{part}/{name}/Film_0001_{at}.png": smooth(at + 10 * (part == "Val"))
        for part in ("Train", "Val")
        for at, name in enumerate(names)
    })  # fmt: skip


def mmi() -> None:
    names = "anger disgust fear happiness sadness surprise".split()
    write({
        f"MMI/S{person:03}/{name}/{frame:03}.png": smooth(40 * person + 2 * at + frame)
        for person in (1, 2)
        for at, name in enumerate(names)
        for frame in (0, 1)
    })  # fmt: skip


def rafd() -> None:
    names = "angry contemptuous disgusted fearful happy neutral sad surprised".split()
    write({
        f"RafD/Rafd090_{person:02}_Caucasian_female_{name}_frontal.jpg": smooth(9 * person + at)
        for person in (1, 2)
        for at, name in enumerate(names)
    })  # fmt: skip


def hub_folder() -> None:
    write({f"faces/{label}.jpg": smooth(label) for label in range(7)})
    rows = [
        json.dumps({"file_name": f"{at}.jpg", "label": name}) for at, name in enumerate(EMOTIONS)
    ]
    write({"faces/metadata.jsonl": "\n".join(rows)})


def webdataset() -> None:
    for part, start in (("train", 0), ("test", 7)):
        tarred(f"shards/{part}-000000.tar", {
            f"{start + label:03}.{end}": smooth(start + label, suffix=".jpg") if end == "jpg"
            else str(label).encode()
            for label in range(7)
            for end in ("jpg", "cls")
        })  # fmt: skip


def zipped() -> None:
    with zipfile.ZipFile("archive.zip", "w") as archive:
        for part in ("train", "test"):
            for at, name in enumerate(EMOTIONS):
                archive.writestr(f"{part}/{name}/{at}.jpg", smooth(at + 10 * (part == "test")))


# What each set's command must find: the classes, the labels in the order of the classes and rows as
# counts, the parts named, the number of people.
SETS = {
    "RAF-DB": (raf_db, EMOTIONS, [2] * 7, {0, 2}, None),
    "RAF-DB, Kaggle": (raf_db_kaggle, EMOTIONS, [2] * 7, {0, 2}, None),
    "AffectNet": (affectnet, EIGHT, [2] * 8, {0, 1}, None),
    "AffectNet, csv": (affectnet_csv, EIGHT, [2] * 8, {0, 1}, None),
    "CK+48": (ck_plus_48, (*EMOTIONS[:6], "contempt"), [2] * 7, {-1}, 2),
    "CK+": (ck_plus, (*EMOTIONS[:6], "contempt"), [1] * 7, {-1}, 7),
    "JAFFE": (jaffe, EMOTIONS, [2] * 7, {-1}, 2),
    "KDEF": (kdef, EMOTIONS, [3] * 7, {-1}, 2),
    "FER+": (fer_plus, EIGHT, [1, 1, 1, 1, 1, 1, 2, 1], {0, 1, 2}, None),
    "ExpW": (expw, EMOTIONS, [1] * 7, {-1}, None),
    "SFEW": (sfew, EMOTIONS, [2] * 7, {0, 1}, None),
    "MMI": (mmi, EMOTIONS[:6], [4] * 6, {-1}, 2),
    "RaFD": (rafd, EIGHT, [2] * 8, {-1}, 2),
    "Hugging Face folder": (hub_folder, EMOTIONS, [1] * 7, {-1}, None),
    "webdataset": (webdataset, EMOTIONS, [2] * 7, {0, 2}, None),
    "a zip from Kaggle": (zipped, EMOTIONS, [2] * 7, {0, 2}, None),
}


def commands() -> dict[str, list[str]]:
    """The overrides of each public set's command in docs/data.md."""
    found = re.findall(r"^# (.+?): .*\n((?:.*\\\n)*.*)$", PAGE.read_text(), re.MULTILINE)
    return {
        name: shlex.split(command.replace("\\\n", " "))[2:]
        for name, command in found
        if command.startswith("python train.py")
    }


@functools.cache
def defaults(source: str) -> DictConfig:
    return subcommand.config_of([source])


def config_of(words: list[str]) -> DictConfig:
    """What a command line composes. Composing takes half a second, so each source is composed once."""
    source, *others = words
    cfg = copy.deepcopy(defaults(source))
    for override in OverridesParser.create().parse_overrides(others):
        OmegaConf.update(cfg, override.key_or_group, override.value())
    return cfg


def test_the_page_has_each_set():
    assert SETS.keys() <= commands().keys()


@pytest.mark.parametrize("name", SETS)
def test_a_public_set(name, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make, classes, counts, parts, people = SETS[name]
    make()
    data = build_data(config_of(commands()[name]))
    assert tuple(data.classes) == tuple(classes)
    assert data.faces.counts() == counts
    assert set(data.faces.parts.tolist()) == parts
    if people is not None:
        assert len(set(data.faces.groups.tolist())) == people
