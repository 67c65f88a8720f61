"""Compare our augmentation of a batch with kornia's: python benchmarks/augment.py [OUT.csv]

Ours is augment=light and augment=strong on 128 images 48x48. kornia has its nearest operations with the
same probabilities and ranges. Mixup is left out, because kornia has it for class numbers only.
The unit is processor time of one thread, because other work on the machine hardly changes it.
kornia is not a dependency: `pip install kornia`.
"""

import statistics
import sys
import time
from collections.abc import Callable

import harness
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from fer.cli import subcommand

BATCH, SIDE, CLASSES = 128, 48, 7
LARGE = 7_000_000  # floats, 28 MB: less than a batch after R1's first convolution
BATCHES = 20  # timed for one median


def milliseconds(work: Callable[[], object]) -> float:
    """Median processor time of a batch."""
    taken = []
    for _ in range(BATCHES):
        started = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - started))
    return statistics.median(taken)


def kornias(name: str) -> dict[str, nn.Module]:
    """kornia's operations nearest to conf/augment/<name>.yaml, in two ways.

    One affine map draws all moves of an image with one probability. Our config has a probability for each
    move, which takes one map per move.
    """
    import kornia.augmentation as K

    def affine(p: float, degrees: float = 0.0, **moves) -> nn.Module:
        return K.RandomAffine(degrees, **moves, padding_mode="reflection", p=p)

    if name == "light":
        shift, scale = {"translate": (0.08, 0.08)}, {"scale": (0.9, 1.1)}
        one = [affine(0.8, 12, **shift, **scale)]
        each = [affine(0.8, 12), affine(0.8, **shift), affine(0.8, **scale)]
        rest = [
            K.RandomContrast((0.8, 1.2), p=0.5),
            K.RandomBrightness((0.85, 1.15), p=0.5),
            K.RandomErasing((0.001, 0.15), p=0.25),
        ]
    else:
        shift, scale, shear = {"translate": (0.12, 0.12)}, {"scale": (0.8, 1.2)}, {"shear": 10.0}
        one = [affine(0.9, 20, **shift, **scale, **shear)]
        each = [affine(0.9, 20), affine(0.5, **shear), affine(0.9, **shift), affine(0.9, **scale)]
        rest = [
            K.RandomGamma((0.67, 1.5), p=0.5),
            K.RandomContrast((0.67, 1.5), p=0.5),
            K.RandomBrightness((0.75, 1.25), p=0.5),
            K.RandomGaussianBlur((7, 7), (0.01, 1.0), p=0.2),
            K.RandomGaussianNoise(std=0.03, p=0.2),
            K.RandomErasing((0.001, 0.25), p=0.5),
        ]
    flip = K.RandomHorizontalFlip(p=0.5)
    return {
        "kornia": nn.Sequential(flip, *each, *rest),
        "kornia, one affine map for all moves": nn.Sequential(flip, *one, *rest),
    }


def rows(images: Tensor, targets: Tensor) -> list[dict[str, str | float]]:
    found = []
    for name in ("light", "strong"):
        cfg = subcommand.config_of([f"augment={name}", "augment.mixup=[0,0]", "data=drawn"])
        augment = instantiate(cfg.augment)
        for title, theirs in kornias(name).items():
            found.append(
                harness.paired(
                    f"augment={name}",
                    title,
                    unit="ms per batch",
                    ours=lambda augment=augment: milliseconds(lambda: augment(images, targets)),
                    theirs=lambda theirs=theirs: milliseconds(lambda: theirs(images)),
                )
            )
    return found


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    # glibc keeps freed memory up to twice the largest block freed so far. Without such a block it returns
    # a batch's memory to the system each time, which costs up to 2 ms. A network's own planes are larger.
    torch.ones(LARGE)
    images = torch.rand(BATCH, 1, SIDE, SIDE)
    targets = torch.eye(CLASSES)[torch.arange(BATCH) % CLASSES]
    try:
        table = rows(images, targets)
    except ImportError as fault:
        sys.exit(f"benchmarks/augment.py: {fault}; pip install kornia")
    harness.write(table)


if __name__ == "__main__":
    main()
