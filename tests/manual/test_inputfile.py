import dataclasses
import functools
import inspect
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bathysr_nb import models
from bathysr_nb.cli import main
from bathysr_nb.files import store, yamlfile
from bathysr_nb.manual import inputfile
from bathysr_nb.manual.inputfile import Esrgan, OnlineDA, Params, load_params
from bathysr_nb.scores import metrics

PARAMS = Path(__file__).parents[2] / "params"
NETWORKS = ("srcnn", "fsrcnn", "espcn", "srgan", "esrgan")

# manual 2.4.1 as printed, the page break within online_da undone
MANUAL = """\
# input image shape. (32, 32, 1) is recommended.
input_shape: !!python/tuple [16, 16, 1]
# super-resolution scale. 2x is recommended.
scale: 4
# dataset directory including train, validation and test directories
data_dir: data/output_origin
# data range for normalization
norm_range: !!python/tuple [-2500, 0]
# model type (srcnn, fsrcnn, espcn, srgan, esrgan)
model: esrgan
# filename of trained weights (None for new model)
fname_model_weights: None
# tester.py read weights
read_test_weights: weights_best.h5
# training batch size
batch_size: 16
# number of training epochs
epochs: 5000
# loss function (mae, mse, psnr, ssim, vgg)
loss: mse
# optimizer (sgd, rmsprop, adagrad, adadelta, adam, adamax, nadam)
optimizer: adam
# learning rate
learning_rate: 0.0001
# training log directory. if null, yml_filename_log is used
log_dir:
# logging perieod
log_period: 20
# early stopping(default:null) Number of epochs with no improvement after which training will be stopped.
patience: 500
online_da:
  valid: false
  zoom_range: !!python/tuple [0.5,1.0]
  zoom_iso: true
  depth_scale_range: !!python/tuple [0.5,1.5]
  use_depth_scale: true
  horizontal_flip: false
  vertical_flip: false
  rotation_range: 0
  steps_per_epoch_mag: 1

srcnn:
  filters: !!python/tuple [64,32]
  kernels: !!python/tuple [9,1,5]

espcn:
  filters: !!python/tuple [64,32]
  kernels: !!python/tuple [5,3,3]

esrgan:
  filters: 32
  num_residual_blocks: 2
  d_filters: 4
  d_num_downsampling_blocks: 1
  loss_weights: [1, 1e-7]
"""
VALUES = {  # each key of it, and the defaults of those it does not have
    "input_shape": (16, 16, 1),
    "scale": 4,
    "norm_range": (-2500, 0),
    "model": "esrgan",
    "fname_model_weights": None,
    "read_test_weights": "weights_best.h5",
    "batch_size": 16,
    "epochs": 5000,
    "loss": "mse",
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "log_period": 20,
    "patience": 500,
    "online_da": {
        "valid": False,
        "zoom_range": (0.5, 1.0),
        "zoom_iso": True,
        "depth_scale_range": (0.5, 1.5),
        "use_depth_scale": True,
        "horizontal_flip": False,
        "vertical_flip": False,
        "rotation_range": 0,
        "steps_per_epoch_mag": 1,
    },
    "srcnn": {"filters": (64, 32), "kernels": (9, 1, 5)},
    "espcn": {"filters": (64, 32), "kernels": (5, 3, 3)},
    "esrgan": {
        "filters": 32,
        "num_residual_blocks": 2,
        "d_filters": 4,
        "d_num_downsampling_blocks": 1,
        "loss_weights": (1, 1e-7),
    },
    "fsrcnn": {"d": 56, "s": 12, "m": 4},
    "srgan": {
        "filters": 32,
        "num_residual_blocks": 1,
        "d_filters": 4,
        "d_num_downsampling_blocks": 1,
        "loss_weights": (1, 1e-7),
        "label_noise": 1e-6,
    },
    "train_data": (("data_HR.pkl", "data_LR.pkl"),),
    "residual": None,
    "relief": None,
    "bias": True,
    "schedule": "constant",
    "seed": 0,
    "vgg": {"weights": None, "penalty": "l1"},
}


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "input.yml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def manual(write):
    return write(MANUAL)


def test_the_manuals_file_as_printed(manual):
    params = inputfile.load_params(manual)
    folder = manual.parent
    assert dataclasses.asdict(params) == VALUES | {
        "data_dir": folder / "data" / "output_origin",
        "log_dir": folder / "input_log",
    }
    assert list(folder.iterdir()) == [manual]


def test_it_cannot_be_changed(manual):
    params = load_params(manual)
    hash(params)
    for part in (params, params.online_da, params.esrgan):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, dataclasses.fields(part)[0].name, 1)


def test_two_keys_are_enough_and_empty_sections_have_their_defaults(write):
    least = load_params(write("data_dir: d\nmodel: espcn\n"))
    assert least.data_dir == write("").parent / "d"
    assert (least.patience, least.esrgan.d_num_downsampling_blocks, least.online_da) == (None, 2, OnlineDA())
    sections = [field.name for field in dataclasses.fields(Params) if dataclasses.is_dataclass(field.default)]
    assert len(sections) == 7
    empty = "".join(f"{name}:\n" for name in sections)
    assert load_params(write("data_dir: d\nmodel: espcn\n" + empty)) == least


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("loss", "ssim", "dssim"),
        ("norm_range", "None", None),
        ("patience", "None", None),
        ("learning_rate", "2e-4", 2e-4),
        ("vgg", "{penalty: none}", inputfile.Vgg(None, "none")),
        ("vgg", "{penalty: None}", inputfile.Vgg(None, "none")),
        ("online_da", "{rotation_range: 180, zoom_range: [2, 2]}", OnlineDA(rotation_range=180, zoom_range=(2, 2))),
        ("train_data", "[[a, b], [c, d]]", (("a", "b"), ("c", "d"))),
        ("srcnn", "{filters: [8], kernels: [3, 3]}", inputfile.Srcnn((8,), (3, 3))),
        ("srgan", "{label_noise: 0, loss_weights: [0, 1]}", inputfile.Srgan(label_noise=0, loss_weights=(0, 1))),
        ("seed", "4294967295", 2**32 - 1),
    ],
)
def test_other_ways_to_write_it(write, key, text, value):
    assert getattr(load_params(write(f"data_dir: d\nmodel: espcn\n{key}: {text}\n")), key) == value


def test_paths_count_from_the_files_folder(write, tmp_path, monkeypatch):
    path = write(
        "data_dir: ../d\nmodel: espcn\nlog_dir: logs/a\nfname_model_weights: w.h5\nvgg: {weights: /somewhere/vgg.h5}\n"
    )
    monkeypatch.chdir(tmp_path)
    for given_as in (path, str(path), "input.yml"):
        params = load_params(given_as)
        found = (params.data_dir, params.log_dir, params.fname_model_weights, params.vgg.weights)
        wanted = (tmp_path.parent / "d", tmp_path / "logs/a", tmp_path / "w.h5", Path("/somewhere/vgg.h5"))
        assert found == wanted


def test_log_dir_takes_only_the_last_suffix_off(tmp_path):
    path = tmp_path / "run.v2.yaml"
    path.write_text("data_dir: d\nmodel: espcn\nlog_dir: null\n")
    assert load_params(path).log_dir == tmp_path / "run.v2_log"


FAULTS = {  # value in YAML: what is said of it
    "input_shape": ("[16, 16, 3]", r"is \[16, 16, 3\], expected \[rows, columns, 1\], each above 0"),
    "scale": ("5", "is 5, expected 2 or 3 or 4"),
    "data_dir": ("3", "is 3, expected a path"),
    "norm_range": ("[0, -2500]", r"is \[0, -2500\], expected \[low, high\] with low < high or null"),
    "model": ("edsr", "is 'edsr', expected 'srcnn' or 'fsrcnn' or"),
    "fname_model_weights": ("[a]", r"is \['a'\], expected a path or null"),
    "read_test_weights": ("''", "is '', expected text or null"),
    "batch_size": ("true", "is True, expected a whole number above 0"),
    "epochs": ("1.5", "is 1.5, expected a whole number above 0"),
    "loss": ("MSE", "is 'MSE', expected 'mae' or 'mse' or 'psnr' or 'dssim'"),
    "optimizer": ("", "is None, expected 'sgd' or"),
    "learning_rate": (".nan", "is nan, expected a number above 0"),
    "log_dir": ("false", "is False, expected a path or null"),
    "log_period": ("0", "is 0, expected a whole number above 0"),
    "patience": ("never", "is 'never', expected a whole number above 0 or null"),
    "online_da": ("true", "is True, expected keys and values"),
    "train_data": ("[data_HR.pkl, data_LR.pkl]", r"expected a list of pairs of file names, \[\[HR, LR\], ...\]"),
    "residual": ("true", "is True, expected 'bicubic' or null"),
    "relief": (".inf", "is inf, expected metres above 0 or null"),
    "bias": ("0", "is 0, expected true or false"),
    "schedule": ("linear", "is 'linear', expected 'constant' or 'cosine' or 'one_cycle'"),
    "seed": ("-1", "is -1, expected a whole number from 0 to 4294967295"),
}
SECTION_FAULTS = {
    "online_da.valid": ("1", "is 1, expected true or false"),
    "online_da.zoom_range": ("[0.05, 1.0]", r"expected \[low, high\] with 0.1 <= low <= high <= 10"),
    "online_da.depth_scale_range": ("[0, 1]", r"expected \[low, high\] with 0 < low <= high"),
    "online_da.rotation_range": ("181", "is 181, expected degrees from 0 to 180"),
    "online_da.steps_per_epoch_mag": ("0", "is 0, expected a number above 0"),
    "srcnn.kernels": ("[9, 2, 5]", "expected a list of odd whole numbers above 0"),
    "espcn.filters": ("[64, 32, 16]", None),  # said of the kernels, see below
    "fsrcnn.m": ("0", "is 0, expected a whole number above 0"),
    "srgan.label_noise": ("1", "is 1, expected a number from 0 to 0.5"),
    "esrgan.d_filters": ("x", "is 'x', expected a whole number"),
    "esrgan.loss_weights": ("[0, 0]", r"expected \[content, adversarial\], at least 0 and not both 0"),
    "vgg.penalty": ("l3", "is 'l3', expected 'l1' or 'l2' or 'none' or null"),
    "fsrcnn.kernels": ("[1]", None),  # no such key
}
SAID = {
    "espcn.filters": r"espcn\.kernels is \(5, 3, 3\), expected one more than filters, which has 3",
    "fsrcnn.kernels": r"unknown key fsrcnn\.kernels; choose from d, s, m",
}


def said(key):
    words = {**FAULTS, **SECTION_FAULTS}[key][1]
    return SAID.get(key) or rf"{re.escape(key)} .*{words}"


def as_file(keys):
    lines = [f"{key}: {FAULTS[key][0]}" for key in keys if key in FAULTS]
    lines += [f"{key}: {value}" for key, value in (("data_dir", "d"), ("model", "srcnn")) if key not in keys]
    for section in sorted({key.partition(".")[0] for key in keys if "." in key}):
        inside = [key for key in keys if key.startswith(f"{section}.")]
        lines += [f"{section}:", *(f"  {key.partition('.')[2]}: {SECTION_FAULTS[key][0]}" for key in inside)]
    return "\n".join(lines) + "\n"


def test_every_key_outside_the_sections_has_its_fault_tried():
    plain = {field.name for field in dataclasses.fields(Params) if not dataclasses.is_dataclass(field.default)}
    assert set(FAULTS) == plain | {"online_da"}


@pytest.mark.parametrize("key", [*FAULTS, *SECTION_FAULTS])
def test_a_fault_is_named(write, key):
    path = write(as_file([key]))
    with pytest.raises(ValueError, match=said(key)) as raised:
        load_params(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.sampled_from(sorted((FAULTS | SECTION_FAULTS).keys() - {"online_da"})), min_size=2))
def test_all_faults_are_named_at_once(write, keys):
    with pytest.raises(ValueError, match="input.yml: ") as raised:
        load_params(write(as_file(sorted(keys))))
    message = str(raised.value)
    assert not [key for key in keys if not re.search(said(key), message)]
    assert len(re.findall(r", expected |unknown key ", message)) == len(keys)


def test_faults_of_the_whole_file(write):
    path = write("epochs: 1\nepochs: 2\nlerning_rate: 1\nespcn: {filters: [1], filters: [2]}\n")
    with pytest.raises(ValueError, match="epochs") as raised:
        load_params(path)
    for fault in (
        "key epochs is given twice, in lines 1 and 2",
        "key espcn.filters is given twice, in line 4",
        "unknown key lerning_rate; choose from data_dir, model, input_shape",
        "key data_dir is missing, expected a path",
        "key model is missing, expected 'srcnn' or",
        "espcn.kernels is (5, 3, 3), expected one more than filters, which has 1",
    ):
        assert fault in str(raised.value)


@pytest.mark.parametrize("model", ["srgan", "esrgan"])
def test_gans_have_no_scale_3(write, model):
    text = "data_dir: d\nmodel: %s\nscale: %d\n"
    with pytest.raises(ValueError, match=f"scale is 3, expected 2 or 4 for {model}$"):
        load_params(write(text % (model, 3)))
    assert load_params(write(text % (model, 4))).scale == 4
    assert load_params(write(text % ("srcnn", 3))).scale == 3


def test_overrides_take_the_files_place_and_are_judged_with_it(manual):
    changed = load_params(manual, {"model": "espcn", "scale": 3, "esrgan.filters": 8, "log_dir": "l"})
    assert (changed.model, changed.scale, changed.log_dir) == ("espcn", 3, manual.parent / "l")
    assert changed.esrgan == Esrgan(8, 2, 4, 1)
    with pytest.raises(ValueError, match=r"input\.yml: epochs is '9', expected .*; scale is 3, expected 2 or 4 for"):
        load_params(manual, {"scale": 3, "epochs": "9"})


def test_options_are_the_chosen_networks(manual):
    for name in NETWORKS:
        options = load_params(manual, {"model": name, "bias": False}).options
        assert options == VALUES[name] | {"bias": False}


@pytest.mark.parametrize("name", ["srcnn", "espcn"])
def test_defaults_are_those_of_the_network(name):
    options = Params(data_dir=Path("d"), model=name).options
    defaults = inspect.signature(models.MODELS[name]).parameters
    assert {key: defaults[key].default for key in options} == options


@functools.cache
def bundled_pairs() -> int:
    """Training pairs that build_cairns.yml makes."""
    with tempfile.TemporaryDirectory() as folder:
        assert main(["build", str(PARAMS / "build_cairns.yml"), "--set", f"save_dir={folder}/set"]) == 0
        return len(store.load_patches(f"{folder}/set/train/data_LR.pkl"))


@pytest.mark.parametrize("name", NETWORKS)
class TestPresets:
    def test_it_trains_the_residual_form_on_what_build_writes(self, name):
        params = load_params(PARAMS / f"input_{name}.yml")
        build = yamlfile.load_yaml(PARAMS / "build_cairns.yml")
        assert params.data_dir == (PARAMS / build["save_dir"]).resolve()
        assert params.log_dir == PARAMS.parent / "runs" / f"input_{name}"
        assert list(params.input_shape) == [*build["lr_img_shape"], 1]
        assert [side * params.scale for side in build["lr_img_shape"]] == build["hr_img_shape"]
        form = (params.model, params.residual, params.bias, params.loss, params.schedule, params.seed)
        assert form == (name, "bicubic", False, "mae", "one_cycle", 0)

    def test_it_has_every_key_but_the_other_networks_each_explained(self, name):
        text = (PARAMS / f"input_{name}.yml").read_text()
        values = yamlfile.load_yaml(PARAMS / f"input_{name}.yml")
        assert values.keys() == {field.name for field in dataclasses.fields(Params)} - ({*NETWORKS} - {name})
        for field in dataclasses.fields(Params):
            if dataclasses.is_dataclass(field.default) and field.name in values:
                assert sorted(values[field.name]) == sorted(inner.name for inner in dataclasses.fields(field.default))
        lines = text.splitlines()
        keys = [i for i, line in enumerate(lines) if re.match(r" *\w+:", line)]
        assert not [lines[i] for i in keys if "# " not in lines[i] and not lines[i - 1].startswith("# ")]

    def test_the_manuals_own_form_is_in_its_head_and_loads(self, name):
        head = (PARAMS / f"input_{name}.yml").read_text().partition("\n\n")[0]
        found = dict(re.findall(r"(\w+): ([\w.]+)", head.partition("own form:")[2]))
        manual = {key: VALUES[key] for key in found}
        assert len(found) == 9
        assert {key: yamlfile.parse(value) for key, value in found.items()} == manual
        assert load_params(PARAMS / f"input_{name}.yml", manual).residual is None

    def test_it_says_how_many_steps_it_takes(self, name):
        params = load_params(PARAMS / f"input_{name}.yml")
        steps = re.search(r"([\d,]+) steps on the bundled grid", (PARAMS / f"input_{name}.yml").read_text())
        assert int(steps[1].replace(",", "")) == bundled_pairs() // params.batch_size * params.epochs


def test_rectangles_are_not_turned(write):
    text = "data_dir: d\nmodel: srcnn\ninput_shape: [8, 16, 1]\nonline_da: {valid: %s, rotation_range: 5}\n"
    with pytest.raises(ValueError, match=r"online_da.rotation_range is 5, expected 0 .*\(8, 16, 1\): not square$"):
        load_params(write(text % "true"))
    assert load_params(write(text % "false")).online_da.rotation_range == 5


@pytest.mark.parametrize(("scale", "least"), [(2, 6), (3, 4), (4, 3)])
def test_true_patches_must_hold_the_window_of_ssim(write, scale, least):
    text = "data_dir: d\nmodel: srcnn\nscale: %d\ninput_shape: [%d, 16, 1]\n"
    assert load_params(write(text % (scale, least))).input_shape == (least, 16, 1)
    with pytest.raises(ValueError, match=f"expected {least} rows and columns or more at scale {scale}$"):
        load_params(write(text % (scale, least - 1)))


def test_least_patch_side_is_that_of_the_window_of_ssim():
    """Told twice: reading an input file must not start Keras."""
    assert inputfile.SSIM_CELLS == metrics.SSIM_WINDOW
