"""Views against numbers by hand and SciPy's shift."""

import pytest
import torch
from scipy import ndimage

from fer.evaluation.tta import VIEWS, shifted

FACE = torch.randint(256, (2, 1, 48, 48), dtype=torch.uint8, generator=torch.manual_seed(0))


def test_a_shift_by_hand() -> None:
    # 24 pixels: a step is one.
    row = torch.arange(24, dtype=torch.uint8).expand(1, 1, 24, 24)
    assert shifted(row, across=1, down=1, mirror=False)[0, 0, 7].tolist() == [0, *range(23)]
    assert shifted(row, across=-1, down=0, mirror=False)[0, 0, 7].tolist() == [*range(1, 24), 23]
    assert shifted(row, across=1, down=0, mirror=True)[0, 0, 7].tolist() == [23, *range(23, 0, -1)]


@pytest.mark.parametrize("move", [(0, 0), (1, -1), (-1, 0), (1, 1)])
def test_scipy_shifts_the_same(move: tuple[int, int]) -> None:
    down, across = move
    ours = shifted(FACE, across=across, down=down, mirror=False)
    scipys = ndimage.shift(FACE.numpy(), (0, 0, 2 * down, 2 * across), order=0, mode="nearest")
    assert ours.dtype == torch.uint8 and (ours.numpy() == scipys).all()


def test_each_choice_opens_with_the_face_and_has_no_view_twice() -> None:
    for name, number in (("none", 1), ("flip", 2), ("shift", 18)):
        seen = [view(FACE) for view in VIEWS[name]]
        assert len(seen) == number and torch.equal(seen[0], FACE)
        assert len({view.numpy().tobytes() for view in seen}) == number
