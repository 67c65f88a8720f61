"""Recipes of older files get the names and options of today."""

from fer.config.renamed import with_todays_names

AUGMENT = {"_target_": "fer.data.augment.Augment", "flip": 0.5, "cutmix": [0.0, 0.0]}


def test_an_option_that_was_off_is_dropped_and_one_that_was_on_stays() -> None:
    todays = {"_target_": "fer.training.Augment", "flip": 0.5}
    for off in ([0.0, 4.0], [0.5, 0]):
        recipe = with_todays_names({"seed": 0, "augment": AUGMENT | {"crop": off}})
        assert recipe == {"seed": 0, "augment": todays}
    on = with_todays_names({"seed": 0, "augment": AUGMENT | {"crop": [0.5, 4]}})
    assert on["augment"] == todays | {"crop": [0.5, 4]}


def test_a_plane_under_its_second_name_is_the_same_plane() -> None:
    data = {"_target_": "fer.data.sources.Folder", "channels": ["original", "contrast_high"]}
    recipe = with_todays_names({"data": data, "model": {"_target_": "x", "channels": [8]}})
    assert recipe["data"] == {"_target_": "fer.data.Folder", "channels": ["original", "contrast"]}
    assert recipe["model"]["channels"] == [8]
