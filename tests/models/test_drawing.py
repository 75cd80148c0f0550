"""Steps, costs and drawings of the networks, against numbers worked out by hand."""

import matplotlib
import pytest

from bathysr_nb.models import drawing, esrgan
from bathysr_nb.models.backend import keras
from bathysr_nb.models.build import MODELS, build_model

LR, HR = 16 * 16, 64 * 64
BY_HAND = {
    "srcnn": HR * (9**2 * 64 + 64 * 32 + 5**2 * 32),
    "fsrcnn": LR * (5**2 * 56 + 56 * 12 + 4 * 3**2 * 12**2 + 12 * 56 + 9**2 * 56),
    "espcn": LR * (5**2 * 64 + 3**2 * 64 * 32 + 3**2 * 32 * 16),
    "srgan": LR * (9**2 * 32 + 3 * 3**2 * 32**2 + 3**2 * 32 * 128 * (1 + 4)) + HR * 9**2 * 32,
    "esrgan": LR * 3**2 * 32 * (1 + 6 * (32 + 64 + 96 + 128 + 160) + 32 + 128 * (1 + 4)) + HR * 3**2 * 32,
}


def network(name, **options):
    model = build_model(name, **options)
    return getattr(model, "generator", model)


@pytest.mark.parametrize("name", MODELS)
def test_costs_are_those_worked_out_by_hand_and_every_weight_has_its_step(name):
    model = network(name)
    table = drawing.layer_table(model, (16, 16, 1))
    assert table["multiplications"].sum() == BY_HAND[name]
    assert table["weights"].sum() == model.count_params()
    assert table.loc[len(table) - 1, ["rows", "columns", "channels"]].tolist() == [64, 64, 1]


def test_each_step_has_its_own_row_with_its_shape():
    table = drawing.layer_table(network("srcnn", scale=3), (16, 20, 1))
    assert table["does"].tolist() == ["", "bicubic × 3", "9×9", "1×1", "5×5"]
    assert table["rows"].tolist() == [16, 48, 48, 48, 48]
    assert table["columns"].tolist() == [20, 60, 60, 60, 60]
    assert table["channels"].tolist() == [1, 1, 64, 32, 1]


def test_a_discriminator_ends_in_one_number():
    table = drawing.layer_table(build_model("srgan").discriminator, (64, 64, 1))
    assert table["does"].tolist() == ["", "3×3", "3×3 ÷ 2", "3×3", "mean", "dense", "dense"]
    assert table["rows"].tolist() == [64, 64, 32, 32, 1, 1, 1]
    convolutions = HR * 9 * 4 + HR // 4 * 9 * (4 * 4 + 4 * 8)
    assert table["multiplications"].sum() == convolutions + 8 * 64 + 64


def test_a_dense_block_leads_every_output_to_every_later_step():
    x = keras.Input((16, 16, 8))
    block = keras.Model(x, esrgan.dense_block(x, 8, True, "dense"))
    boxes, arcs = drawing._boxes(block, (16, 16, 8), None)
    assert len(boxes) == 6
    assert set(arcs) == {(a, b) for a in range(4) for b in range(a + 1, 5)} | {(0, 5)}


def test_arcs_of_one_level_never_overlap():
    arcs = [(a, b) for a in range(4) for b in range(a + 1, 5)]
    levels = drawing._levels(arcs)
    together = [(p, q) for p in arcs for q in arcs if p < q and levels[p] == levels[q]]
    assert all(p[1] <= q[0] for p, q in together)
    assert set(levels) == set(arcs)


def test_boxes_are_drawn_to_scale_and_blocks_are_folded():
    figure = drawing.draw_networks({"A": network("espcn"), "B": network("esrgan")}, (16, 16, 1))
    boxes = [[p for p in ax.patches if isinstance(p, matplotlib.patches.Rectangle)] for ax in figure.axes]
    assert [box.get_height() for box in boxes[0]] == [16, 16, 16, 16, 64]
    assert [box.get_width() for box in boxes[0]] == [1.5, 32, 16, 8, 1.5]
    assert len(boxes[1]) == 10  # 30 of 38 convolutions share two boxes
    for ax in figure.axes:
        (left, right), (low, high), place = ax.get_xlim(), ax.get_ylim(), ax.get_position()
        width, height = figure.get_size_inches()
        assert (right - left) / (place.width * width) == pytest.approx(drawing.UNITS)
        assert (high - low) / (place.height * height) == pytest.approx(drawing.UNITS)
