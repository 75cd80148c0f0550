import dataclasses
import json

import pytest

from bathysr_nb.manual import trained
from bathysr_nb.manual.inputfile import Espcn, Params
from bathysr_nb.models.normalisation import Normalisation

SMALL = {"filters": (4,), "kernels": (3, 3)}


@pytest.fixture
def params(tmp_path):
    net = {"model": "espcn", "input_shape": (8, 8, 1), "espcn": Espcn(**SMALL)}
    return Params(data_dir=tmp_path / "data", log_dir=tmp_path / "log", **net)


def test_which_weights_are_tested(saved_network, params, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for folder, name in ((params.log_dir, "weights_best"), (params.log_dir, "weights_00020"), (elsewhere, "mine")):
        saved_network(folder, file=f"{name}.weights.h5", **SMALL)
    find = lambda **keys: trained.find_weights(dataclasses.replace(params, **keys))  # noqa: E731
    assert find().name == "weights_best.weights.h5"
    assert find(read_test_weights="weights_00020.weights.h5").name == "weights_00020.weights.h5"
    assert find(read_test_weights="weights_00020.h5").name == "weights_00020.weights.h5"
    mine = elsewhere / "mine.weights.h5"
    assert find(fname_model_weights=mine, read_test_weights="weights_00020.weights.h5") == mine
    assert trained.find_weights(dataclasses.replace(params, fname_model_weights=mine), find()) == find()
    (params.log_dir / "weights_best.weights.h5").rename(params.log_dir / "weights_best.h5")
    assert find().name == "weights_best.h5"
    (params.log_dir / "weights_best.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"log/weights_best.weights.h5: no such file .*bathysr train"):
        find()
    with pytest.raises(FileNotFoundError, match=r"other.h5: no such file \(read_test_weights\)"):
        find(read_test_weights="other.h5")


def test_normalisation_is_that_of_the_weights(saved_network, units, params, tmp_path):
    saved_network(params.log_dir, **SMALL)
    elsewhere = tmp_path / "elsewhere"
    saved_network(elsewhere, **SMALL)
    (params.log_dir / "normalisation.json").write_text(Normalisation(-9000, 0).to_json())
    params = dataclasses.replace(params, fname_model_weights=elsewhere / "weights_best.weights.h5")
    assert trained.load_network(params)[1] == units
    (elsewhere / "normalisation.json").unlink()
    with pytest.warns(
        UserWarning, match=r"elsewhere/normalisation.json: no such file; .*log/normalisation.json is used"
    ):
        assert trained.load_network(params)[1] == Normalisation(-9000, 0)
    (params.log_dir / "normalisation.json").write_text('{"low": 3}')
    with (
        pytest.warns(UserWarning, match="is used"),
        pytest.raises(ValueError, match=r"normalisation.json: not a normalisation"),
    ):
        trained.load_network(params)
    (params.log_dir / "normalisation.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"normalisation.json: no such file; bathysr train"):
        trained.load_network(params)


def test_run_json_tells_a_scale_that_srcnns_weights_do_not(saved_network, params):
    saved_network(params.log_dir, "srcnn", scale=2)
    params = dataclasses.replace(params, model="srcnn")
    trained.load_network(params)
    record = {"parameters": {"model": "srcnn", "scale": 2}, "inputs": {}, "outputs": []}
    (params.log_dir / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"weights_best.weights.h5: .*scale 2 in run.json.*expected scale 4"):
        trained.load_network(params)
