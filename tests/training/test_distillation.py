"""Distillation: targets mixed by hand, a run taught by another, and teachers that must not teach."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fer.cli import subcommand
from fer.common.errors import InputError
from fer.data import sources, writers
from fer.data.exposure import record
from fer.evaluation import protocol
from fer.models import checkpoint
from fer.runs import preflight
from fer.training import build
from fer.training.augment import Augment
from fer.training.distillation import Teachers

pytestmark = pytest.mark.usefixtures("blank_pictures_of_module")

DRAWN = ["data=drawn", "data.count=1001"]
NETWORK = ["model.channels=[8,16]", "model.repeats=[1,1]"]
SMALL = [*DRAWN, *NETWORK]


class Says(nn.Module):
    """A network that gives every face the same probabilities; dropout shows whether it is in training."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self.said = nn.Parameter(torch.tensor(probabilities))
        self.dropout = nn.Dropout(0.9)

    def forward(self, images: Tensor) -> Tensor:
        return self.dropout(self.said.expand(len(images), -1))


IMAGES, TARGETS = torch.zeros(2, 1, 4, 4), torch.eye(2)


@pytest.mark.parametrize(
    ("faces", "tellers"), [(6, [0, 0, 1, 1, 2, 2]), (4, [0, 0, 1, 2]), (2, [0, 1])]
)
def test_each_face_is_told_by_one_teacher_and_mixed_in_by_weight(faces: int, tellers) -> None:
    said = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    teachers = Teachers(
        [Says(*each.tolist()) for each in said], [[0, 1]] * 3, weight=0.25, temperature=1.0
    )
    targets = torch.eye(2)[torch.arange(faces) % 2]
    # Three quarters of the label and a quarter of what is said.
    torch.testing.assert_close(
        teachers(torch.zeros(faces, 1, 4, 4), targets), 0.75 * targets + 0.25 * said[tellers]
    )


def test_temperature_is_the_softmaxs_own() -> None:
    logits = torch.tensor([2.0, -1.0, 0.5])
    teacher = Says(*logits.softmax(0).tolist())
    found = Teachers([teacher], [[0, 1, 2]], weight=1.0, temperature=3.0)(IMAGES, torch.eye(3)[:2])
    torch.testing.assert_close(found, (logits / 3).softmax(0).expand(2, -1))


def test_a_teacher_tells_of_the_students_classes_alone() -> None:
    teachers = Teachers([Says(0.2, 0.5, 0.3)], [[2, 0]], weight=1.0, temperature=1.0)
    torch.testing.assert_close(teachers(IMAGES, TARGETS), torch.tensor([[0.6, 0.4]] * 2))


def test_a_step_is_trained_towards_what_is_said_of_its_batch_before_it_was_degraded(
    monkeypatch,
) -> None:
    cfg = subcommand.config_of(
        [*SMALL, "augment=strong", "augment.mixup=[1.0,0.4]", "loss.label_smoothing=0.0"]
    )
    data = sources.build_data(cfg)
    module = build.build_module(cfg, data, counts=[1] * 7)
    shown, towards = [], []
    said = torch.tensor([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])

    class Watching(Says):
        def forward(self, images: Tensor) -> Tensor:
            shown.append(images)
            return super().forward(images)

    module.teachers = Teachers(
        [Watching(*said.tolist())], [list(range(7))], weight=0.5, temperature=1.0
    )
    loss, augment = module.loss.forward, module.augment.with_plain
    monkeypatch.setattr(module.loss, "forward", lambda x, y: (towards.append(y), loss(x, y))[1])
    given: list[tuple[Tensor, Tensor, Tensor]] = []
    monkeypatch.setattr(
        Augment, "with_plain", lambda _, x, y: (given.append(augment(x, y)), given[-1])[1]
    )
    images = torch.randint(256, (8, 1, 48, 48), dtype=torch.uint8)
    module.training_step({"images": images, "labels": torch.arange(8) % 7}, 0).backward()
    ((_, plain, mixed),) = given
    assert torch.equal(shown[0], plain)
    torch.testing.assert_close(towards[0], (mixed + said) / 2)


@pytest.fixture(scope="module")
def cwd(tmp_path_factory, train_here, blank_pictures_of_module) -> Path:
    """A folder with a run, `teacher`, and splits that call its rows by other names."""
    cwd = tmp_path_factory.mktemp("runs")
    words = ["trainer=debug", "data.channels=[original,sobel]", "hydra.run.dir=teacher"]
    done = train_here(*SMALL, *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    own = json.loads((cwd / "teacher/split.json").read_text())
    train_rows, val, test = own["train"], own["val"], own["test"]
    for name, parts in {
        "tested.json": (train_rows[100:], val, train_rows[:100]),
        "chosen.json": (train_rows, test, val),
        "validated.json": (train_rows[100:], train_rows[:100], test),
    }.items():
        (cwd / name).write_text(json.dumps(dict(zip(("train", "val", "test"), parts))))
    return cwd


def test_a_run_is_taught_by_another(cwd: Path, train_here) -> None:
    words = ["trainer=debug", "ema=0.9", "data.channels=[original]", "hydra.run.dir=student"]
    done = train_here(*SMALL, *words, "teacher=[teacher]", cwd=cwd)
    assert done.returncode == 0, done.stderr
    summary = json.loads((cwd / "student/summary.json").read_text())
    assert summary["teachers"] == ["teacher/checkpoints/best.ckpt"]
    content = (cwd / "teacher/checkpoints/best.ckpt").read_bytes()
    assert summary["teachers_sha256"] == [hashlib.sha256(content).hexdigest()]
    taught, teacher = (checkpoint.read(cwd / name) for name in ("student", "teacher"))
    assert taught.seen == teacher.seen  # one set, one split: it has seen nothing else
    assert not any("teacher" in name for name in taught.weights)
    assert sum(map(torch.numel, taught.weights.values())) < 3000


def taught(cwd: Path, monkeypatch, *words: str, data: Sequence[str] = DRAWN):
    monkeypatch.chdir(cwd)
    cfg = subcommand.config_of([*data, *NETWORK, "teacher=[teacher]", *words])
    faces = sources.build_data(cfg)
    return protocol.record_of_run(cfg, faces, build.read_teachers(cfg))


@pytest.mark.parametrize(
    ("split", "line"),
    [
        ("tested.json", "teacher: 100 of 100 test rows are among the train rows of teacher/"),
        ("chosen.json", "teacher: 100 of 100 test rows are among the val rows of teacher/"),
        ("validated.json", "teacher: 100 of 100 val rows are among the train rows of teacher/"),
    ],
)
def test_what_has_seen_measured_rows_may_not_teach(cwd, monkeypatch, split: str, line: str) -> None:
    with pytest.raises(InputError) as fault:
        taught(cwd, monkeypatch, "data.split=file", f"data.split_file={split}")
    assert str(fault.value).startswith(line)
    assert str(fault.value).endswith("the split it was trained with: data.split=auto")


def csv_of_drawn(path: Path, *, changed: dict[str, str]) -> list[str]:
    """The words for SMALL's faces as another set, one row short, with Usage changed."""
    writers.write_drawn(path, count=1001, seed=0)
    head, *rows = path.read_text().splitlines()
    rows = [(pixels, usage) for pixels, _, usage in (row.rpartition(",") for row in rows)]
    kept = [f"{pixels},{changed.get(usage, usage)}" for pixels, usage in rows[1:]]
    path.write_text("\n".join([head, *kept]) + "\n")
    return ["data=fer2013", f"data.path={path}"]


def test_in_another_set_a_teacher_has_seen_faces_all_the_same(cwd: Path, monkeypatch) -> None:
    swap = {"PublicTest": "PrivateTest", "PrivateTest": "PublicTest"}
    own = csv_of_drawn(cwd / "own.csv", changed={})
    swapped = csv_of_drawn(cwd / "swapped.csv", changed=swap)
    assert len(taught(cwd, monkeypatch, data=own)) == 2  # the same parts: nothing new to its pupil
    with pytest.raises(
        InputError, match="^teacher: 100 of 100 test rows are pixel-identical to image"
    ):
        taught(cwd, monkeypatch, data=swapped)


def test_a_pupil_that_leaves_twins_out_wants_teachers_that_did(cwd: Path, monkeypatch) -> None:
    writers.write_drawn(cwd / "twins.csv", count=1001, seed=0)
    rows = (cwd / "twins.csv").read_text()
    again = [row.replace("Training", "PrivateTest") for row in rows.splitlines() if "Train" in row]
    (cwd / "twins.csv").write_text(rows + "\n".join(again[:3]) + "\n")
    monkeypatch.chdir(cwd)
    words = ["data=fer2013", "data.path=twins.csv", "teacher=[teacher]"]
    cfgs = [subcommand.config_of([*words, f"data.twins={twins}"]) for twins in ("keep", "drop")]
    keep, drop = map(sources.build_data, cfgs)
    (teacher,) = build.read_teachers(cfgs[0])
    teacher = replace(teacher, seen=(record(keep.faces, keep.parts),))
    assert protocol.record_of_run(cfgs[0], keep, [teacher]) == teacher.seen
    with pytest.raises(InputError, match="^teacher: 3 of 103 test rows are .* this run is not;"):
        protocol.record_of_run(cfgs[1], drop, [teacher])


def test_what_a_teacher_has_seen_of_another_set_its_pupil_has_seen(cwd, monkeypatch) -> None:
    seen = taught(cwd, monkeypatch, "data.count=1002")
    assert len(seen) == 2 and seen[1:] == checkpoint.read(cwd / "teacher").seen


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["teacher=[nowhere]"], "teacher: nowhere: no such file; expected a run's folder, a "),
        (["teacher=nowhere"], "teacher: 'nowhere', expected "),
        (["teacher=[teacher]", "teacher_weight=2"], "teacher_weight: 2"),
        (["teacher=[teacher]", "teacher_weight=0"], "teacher_weight: 0"),
        (["teacher=[teacher]", "teacher_temperature=0"], "teacher_temperature: 0"),
        (["teacher=[teacher]", "data=folder", "data.path=photos"], "teacher: teacher/checkpoints/best.ckpt has the classes angry, "),
    ],
)  # fmt: skip
def test_a_teacher_that_does_not_fit_is_refused_in_one_line(
    cwd, monkeypatch, words: list[str], line: str
) -> None:
    monkeypatch.chdir(cwd)
    for name in ("cats", "dogs"):
        (cwd / "photos" / name).mkdir(parents=True, exist_ok=True)
        (cwd / "photos" / name / "one.png").touch()
    with pytest.raises(InputError) as fault:
        shown = words if "data=folder" in words else [*SMALL, *words]
        preflight.check(subcommand.config_of(shown))
    assert str(fault.value).startswith(line) and "\n" not in str(fault.value)
