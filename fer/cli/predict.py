"""`fer predict SOURCE...`: the faces of pictures, folders, videos and a webcam."""

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from fer.cli import subcommand
from fer.common.errors import InputError, one_line

if TYPE_CHECKING:
    from tqdm import tqdm

    from fer.inference import Model
    from fer.inference.prediction import Prediction
    from fer.inference.settings import Settings
    from fer.inference.sources import Source

STDIN = "-"
CAMERA = "a line a face, as the OpenCV of servers opens no window. Ctrl-C or --seconds stops it"
TERMINATED, UNHEARD = 128 + 15, 128 + 13  # exit statuses for SIGTERM and SIGPIPE, as of shells


def main(arguments: list[str]) -> int:
    """The exit status: 2 a wrong command, 1 something unreadable, 130 stopped."""
    return subcommand.run(prepare, arguments)


def prepare(arguments: list[str]) -> Callable[[], None]:
    """Check the arguments and the sources, load the network; the returned function predicts."""
    typed = _parser().parse(arguments)
    from fer.inference import load
    from fer.inference.settings import Settings
    from fer.runs import filmed

    settings = Settings(
        detector=typed.detector,
        tiles=typed.tiles,
        crops=typed.crops,
        every=typed.every,
        seconds=typed.seconds,
        abstain=typed.abstain,
        smooth=typed.smooth,
    )
    if typed.draw:
        filmed.pyav()
    model = load(typed.model, typed.device)
    listed = _listed(typed.sources)
    command = shlex.join(["fer", "predict", *arguments])
    return lambda: _predict(model, typed, settings, listed, command)


def _parser() -> subcommand.Parser:
    parser = subcommand.Parser("predict")
    add = parser.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="picture, folder, glob, video, list file (@files.txt), - (paths on stdin), or the "
        "number of a webcam",
    )
    add("--model", default="shipped", metavar="RUN", help="network as fer evaluate takes it")
    add("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_out()
    add("--crops", action="store_true", help="the pictures are faces that were cut out already")
    add("--detector", choices=("yunet", "haar"), default="yunet", help="default: yunet")
    add("--tiles", action="store_true", help="search large pictures again in parts: small faces")
    add("--every", type=int, metavar="N", help="each Nth frame, also of animated pictures")
    add("--seconds", type=float, metavar="S", help="of a webcam or video, from its start")
    add("--abstain", type=float, default=0.0, metavar="P", help="`unsure` below this confidence")
    add(
        "--smooth",
        type=float,
        default=0.3,  # fer.inference.prediction.SMOOTH, which would load torch
        metavar="SECONDS",
        help="time constant of the average over a video, default: 0.3",
    )
    add("--draw", action="store_true", help="write drawn pictures and annotated videos")
    add("--blur", action="store_true", help="hide the faces in the pictures that are written")
    add("--no-names", action="store_true", help="leave the labels off these pictures")
    add("--json", action="store_true", help="print predictions.jsonl instead of lines")
    add("--on-bad", choices=("skip", "raise"), default="skip", help="of what cannot be read")
    return parser


def _listed(typed: list[str]) -> "Sequence[Source] | Iterator[Source]":
    """All sources, so that a wrong one is refused at the start. With paths on stdin, as they come."""
    from fer.inference import sources

    expanded = sources.expand(typed, stdin=_lines())
    return expanded if STDIN in typed else list(expanded)


def _predict(
    model: "Model",
    typed: argparse.Namespace,
    settings: "Settings",
    listed: "Sequence[Source] | Iterator[Source]",
    command: str,
) -> None:
    """Predict, write the folder and print. Raises InputError where something was unreadable."""
    from fer.inference import predict
    from fer.inference.ahead import WORKERS
    from fer.runs.predict import Folder, facts

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    _share_cores(WORKERS)
    said = facts(model, typed.model, settings, command)
    folder = Folder(
        subcommand.claim(typed.out, "predict"),
        said,
        averaged=settings.every is not None or _may_be_video(listed),
        drawn=typed.draw,
        names=not typed.no_names,
        blur=typed.blur,
    )
    answers = predict.predictions(model, listed, settings)
    with folder, contextlib.closing(answers), _bar(listed, settings) as bar:
        shown = Shown(bar, as_json=typed.json)
        shown.begin(said, listed)
        for answer in answers:
            if isinstance(answer, predict.Answer):
                folder.add(*answer)
                shown.add(answer.prediction)
            elif typed.on_bad == "raise":
                raise answer
            else:
                folder.skip(answer)
                shown.skip(answer)
    shown.say(str(folder.path), *(f"report: {page}" for page in folder.pages.written))
    if folder.unreadable:
        raise InputError(
            f"{folder.unreadable} of {folder.unreadable + folder.pictures} could not be read; "
            "the lines above name them, the others are done"
        )


def _share_cores(workers: int) -> None:
    """Give each worker one core and the network the rest, so that threads do not wait for cores."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(max(1, torch.get_num_threads() - workers))


def _may_be_video(listed: "Sequence[Source] | Iterator[Source]") -> bool:
    """Whether a source is a video or a camera, or is not known yet."""
    if isinstance(listed, Iterator):
        return True
    return any(source.kind in ("video", "camera") for source in listed)


def _lines() -> Iterator[str]:
    """The lines of standard input as they come.

    Read without Python's buffer: its lock would be held when Ctrl-C ends the process.
    """
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as raw:
        while line := raw.readline():
            yield os.fsdecode(line).rstrip("\r\n")


def _bar(listed: "Sequence[Source] | Iterator[Source]", settings: "Settings") -> "tqdm[None]":
    """A progress bar over pictures and frames. Nothing where standard error is no terminal."""
    from tqdm import tqdm

    total = None if isinstance(listed, Iterator) else _total(listed, settings)
    return tqdm(total=total, unit=" pictures", disable=None, leave=False)


def _total(listed: "Sequence[Source]", settings: "Settings") -> int | None:
    """How many pictures and frames there are. None where that is not known."""
    if settings.seconds is not None or any(source.kind == "camera" for source in listed):
        return None
    return sum(_count(source, settings.every or 1) for source in listed)


def _count(source: "Source", every: int) -> int:
    """Frames of a video that are analysed, as it announces them. 1 for a picture."""
    from fer.inference import pictures, video

    if source.kind != "video":
        return 1
    try:
        return -(-video.facts(source.content).count // every)
    except pictures.Unreadable:
        return 1


class Shown:
    """What the terminal shows: lines or JSON on standard output, the rest on standard error."""

    def __init__(self, bar: "tqdm[None]", *, as_json: bool) -> None:
        self._bar, self._as_json = bar, as_json
        self._purpose = False
        self._faces, self._started = 0, time.monotonic()

    def begin(self, said: Mapping[str, Any], listed: "Sequence[Source] | Iterator[Source]") -> None:
        """The first line of --json, and how a camera is stopped."""
        if not isinstance(listed, Iterator):
            for source in listed:
                if source.kind == "camera":
                    self._print(f"{source.name}: {CAMERA}", sys.stderr)
        if self._as_json:
            self._print(json.dumps(said, ensure_ascii=False))

    def add(self, prediction: "Prediction") -> None:
        """A line for each face, or one that says that there is none."""
        if prediction.time is not None and not self._purpose:
            from fer.inference.prediction import PURPOSE

            self._purpose = True
            self._print(PURPOSE, sys.stderr)
        for line in _json_lines(prediction) if self._as_json else lines(prediction):
            self._print(line)
        self._faces += len(prediction.faces)
        pace = self._faces / max(1e-9, time.monotonic() - self._started)
        self._bar.set_postfix_str(f"{pace:.1f} faces/s", refresh=False)
        self._bar.update()

    def skip(self, fault: InputError) -> None:
        """The line of what cannot be read."""
        self._print(f"fer: {one_line(fault)}", sys.stderr)
        self._bar.update()

    def say(self, *given: str) -> None:
        """Print lines, on standard error where JSON has the output."""
        for line in given:
            self._print(line, sys.stderr if self._as_json else sys.stdout)

    def _print(self, line: str, file: TextIO | None = None) -> None:
        try:
            with self._bar.external_write_mode(file or sys.stdout):
                print(line, file=file or sys.stdout, flush=True)
        except BrokenPipeError:  # `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(UNHEARD)


def lines(prediction: "Prediction") -> list[str]:
    """A line for each face: source, time and person in a video, label, confidence, box."""
    place = prediction.source
    if prediction.time is not None:
        place += f" {prediction.time:.2f} s"
    found = []
    for face in prediction.faces:
        x, y, width, height = (round(side) for side in face.box)
        person = "" if face.track is None else f" #{face.track}"
        found.append(
            f"{place}{person}: {face.label} {face.confidence:.2f} at {x},{y} {width}x{height}"
        )
    return found or [f"{place}: no face found"]


def _json_lines(prediction: "Prediction") -> list[str]:
    from fer.runs.predict import objects

    return [json.dumps(each, ensure_ascii=False) for each in objects(prediction)]
