import re
import subprocess
import sys

import pytest

from bathysr_nb.manual import inputfile
from bathysr_nb.models import build, options
from bathysr_nb.training import choices, losses, recipe

MANUAL_LOSSES = [name for name in choices.LOSSES if name not in choices.SAME_LOSS]


@pytest.mark.parametrize(
    ("place", "parameter", "names"),
    [
        (recipe.Recipe, "loss", MANUAL_LOSSES),
        (recipe.Recipe, "penalty", choices.PENALTIES),
        (recipe.Recipe, "optimizer", choices.OPTIMIZERS),
        (recipe.Recipe, "schedule", choices.SCHEDULES),
        (recipe.Recipe, "keep", choices.KEEP),
        (recipe.Recipe, "mixed_precision", choices.PRECISIONS),
        (losses.get_loss, "name", choices.LOSSES),
        (losses.VggLoss, "penalty", choices.PENALTIES),
        (inputfile.Params, "model", options.OPTIONS),
        (inputfile.Params, "loss", MANUAL_LOSSES),
        (inputfile.Params, "optimizer", choices.OPTIMIZERS),
        (inputfile.Params, "schedule", choices.SCHEDULES),
        (inputfile.Vgg, "penalty", choices.PENALTIES),
        (build.build_model, "name", options.OPTIONS),
    ],
)
def test_docstrings_name_the_choices(place, parameter, names):
    listed = re.search(rf"^ +{parameter} : {{(.*)}}", place.__doc__, re.MULTILINE).group(1)
    assert re.findall(r'"(\w+)"', listed) == list(names)


def test_every_network_has_options_and_a_function():
    assert build.MODELS.keys() == options.OPTIONS.keys()
    assert build.DISCRIMINATORS.keys() == set(options.GANS)


def test_names_and_options_are_read_without_keras():
    code = "import sys, bathysr_nb.models.options, bathysr_nb.training.choices; print('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
