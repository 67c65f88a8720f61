"""Which face each process sees when: all of them once, or whole batches in an order of its own."""

import numpy as np
import pytest
import torch

from fer.data.batches import Batches, FaceDataset
from fer.data.faces import Faces, pixel_hashes
from fer.data.module import FaceData

POSITIONS = np.arange(100, 137)  # 37 of them: an odd count


def ranks(world: int, *, positions=POSITIONS, epoch=0, **kwargs) -> list[list[np.ndarray]]:
    """Each rank's batches, their number checked against `len`."""
    dealt = []
    for rank in range(world):
        batches = Batches(positions, rank=rank, world=world, **kwargs)
        batches.set_epoch(epoch)
        dealt.append(list(batches))
        assert len(batches) == len(dealt[-1])
    return dealt


def together(dealt: list[list[np.ndarray]]) -> list[int]:
    return [int(position) for batches in dealt for batch in batches for position in batch]


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 7, 36, 37])
@pytest.mark.parametrize("batch_size", [6, 12])
def test_evaluation_takes_every_position_once(world, count, batch_size):
    positions = POSITIONS[:count]
    dealt = ranks(world, positions=positions, batch_size=batch_size, shuffle=False)
    assert sorted(together(dealt)) == positions.tolist()
    sizes = [sum(map(len, batches)) for batches in dealt]
    assert max(sizes) - min(sizes) <= 1
    assert all(0 < len(batch) <= batch_size // world for batches in dealt for batch in batches)


def test_evaluation_keeps_the_order_by_hand():
    first, second = ranks(2, positions=np.arange(7), batch_size=4, shuffle=False)
    assert [batch.tolist() for batch in first] == [[0, 2], [4, 6]]
    assert [batch.tolist() for batch in second] == [[1, 3], [5]]


def test_training_drops_the_remainder_and_deals_disjoint_batches():
    dealt = ranks(2, batch_size=8, shuffle=True)
    seen = together(dealt)
    assert len(seen) == len(set(seen)) == 32  # four batches of 8 out of 37
    assert set(seen) < set(POSITIONS.tolist())
    assert [[len(batch) for batch in batches] for batches in dealt] == [[4] * 4] * 2


def test_global_batches_do_not_depend_on_the_number_of_processes():
    (alone,) = ranks(1, batch_size=8, shuffle=True, seed=3, epoch=2)
    first, second = ranks(2, batch_size=8, shuffle=True, seed=3, epoch=2)
    for whole, mine, other in zip(alone, first, second, strict=True):
        assert set(whole) == set(mine) | set(other)


def test_the_order_follows_from_seed_and_epoch():
    def order(**kwargs):
        return together(ranks(1, batch_size=8, shuffle=True, **kwargs))

    orders = [order(seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert len(set(map(tuple, orders))) == 6
    torch.manual_seed(5)
    np.random.seed(5)
    assert order(seed=1, epoch=2) == orders[-1]  # whatever the global generators hold
    assert order(seed=1, epoch=2) != sorted(orders[-1])


def test_every_face_is_left_out_at_times():
    seen = [set(together(ranks(1, batch_size=8, shuffle=True, epoch=e))) for e in range(60)]
    assert set.intersection(*seen) == set() and set.union(*seen) == set(POSITIONS.tolist())


FEW = POSITIONS[:36]
LABELS = np.repeat([0, 1, 3], [24, 9, 3])  # of FEW: balanced, 12 draws a class


def test_balanced_training_draws_each_class_equally_often_and_its_faces_too():
    ((batch,),) = ranks(1, positions=FEW, batch_size=36, shuffle=True, labels=LABELS)
    times = [np.bincount(batch - 100, minlength=36)[LABELS == label] for label in (0, 1, 3)]
    assert [sum(own) for own in times] == [12, 12, 12]
    assert [set(own) for own in times] == [{0, 1}, {1, 2}, {4}]
    assert len(set(batch[:12]) & set(FEW[:24])) not in (0, 12)  # the classes are mixed


def test_balanced_training_is_as_long_and_dealt_as_exactly():
    # 37 positions: 13 draws a class and two left out, then four batches of 8.
    labels = np.append(LABELS, 3)
    (alone,) = ranks(1, batch_size=8, shuffle=True, labels=labels, seed=3, epoch=2)
    first, second = ranks(2, batch_size=8, shuffle=True, labels=labels, seed=3, epoch=2)
    assert len(alone) == len(first) == len(second) == 4
    for whole, mine, other in zip(alone, first, second, strict=True):
        assert sorted(whole) == sorted([*mine, *other])


def test_balanced_orders_follow_from_seed_and_epoch_and_reach_every_face():
    def order(epoch: int) -> list[int]:
        (batches,) = ranks(1, positions=FEW, batch_size=9, shuffle=True, labels=LABELS, epoch=epoch)
        return together([batches])

    assert order(2) == order(2) != order(3)
    assert set.union(*(set(order(epoch)) for epoch in range(30))) == set(FEW.tolist())


class TwoClasses(FaceData):
    """40 faces of one class and 8 of another to train on, 6 and 2 to validate and to test."""

    def read(self) -> Faces:
        images = np.arange(64 * 4, dtype=np.uint8).reshape(64, 2, 2)
        return Faces(
            images=images,
            labels=np.repeat([0, 1, 0, 1, 0, 1], [40, 8, 6, 2, 6, 2]),
            parts=np.repeat([0, 1, 2], [48, 8, 8]).astype(np.int8),
            hashes=pixel_hashes(images),
            rows=np.arange(64),
            classes=("many", "few"),
            source="faces",
        )


@pytest.mark.parametrize(("sampler", "drawn"), [("shuffle", [40, 8]), ("balanced", [24, 24])])
def test_the_sampler_of_the_config_falls_on_training_alone(sampler, drawn):
    data = TwoClasses(batch_size=8, sampler=sampler)
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    labels = [torch.cat([batch["labels"] for batch in loader]) for loader in loaders]
    assert [torch.bincount(part).tolist() for part in labels] == [drawn, [6, 2], [6, 2]]


def test_too_few_for_one_batch_gives_none():
    assert ranks(2, positions=POSITIONS[:7], batch_size=8, shuffle=True) == [[], []]


def test_a_batch_of_faces():
    images = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3)
    images.flags.writeable = False  # as a memory-mapped set is
    faces = Faces(
        images=images,
        labels=np.array([3, 1, 4, 1, 5]),
        parts=np.zeros(5, np.int8),
        hashes=pixel_hashes(images),
        rows=np.array([10, 20, 30, 40, 50]),
        classes=tuple("abcdef"),
        source="faces",
    )
    dataset = FaceDataset(faces)
    batch = dataset[np.array([4, 0])]
    assert len(dataset) == 5
    assert batch["images"].dtype == torch.uint8 and batch["images"].shape == (2, 1, 2, 3)
    np.testing.assert_array_equal(batch["images"][:, 0], images[[4, 0]])
    assert batch["labels"].tolist() == [5, 3] and batch["rows"].tolist() == [50, 10]
    batch["images"][:] = 0
    assert images[4].max() == 29  # a batch is a copy
