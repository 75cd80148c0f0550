import numpy as np
import pytest

from bathysr_nb.models.build import build_model
from bathysr_nb.models.weights import load_weights


@pytest.mark.parametrize("name", ["srcnn", "fsrcnn", "espcn", "srgan", "esrgan"])
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_come_back_for_each_network_by_either_name(saved_network, units, tmp_path, name, suffix):
    model = saved_network(tmp_path, name, file=f"best{suffix}")
    other = build_model(name, normalisation=units)
    load_weights(other, tmp_path / f"best{suffix}")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_optimisers_state_in_the_file_is_no_fault(saved_network, units, tmp_path):
    model = saved_network(tmp_path, "srgan")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "best.weights.h5")
    assert (tmp_path / "best.weights.h5").stat().st_size > 2 * (tmp_path / "weights_best.weights.h5").stat().st_size
    other = build_model("srgan", normalisation=units)
    load_weights(other, tmp_path / "best.weights.h5")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


OTHERS = {
    "network": ("fsrcnn", {}),
    "scale": ("espcn", {"scale": 2}),
    "options": ("espcn", {"filters": (8, 8)}),
    "no biases": ("espcn", {"bias": False}),
    "more layers": ("espcn", {"filters": (64, 32, 32), "kernels": (5, 3, 3, 3)}),
}


@pytest.mark.parametrize(("name", "options"), OTHERS.values(), ids=OTHERS)
def test_other_weights_are_refused_before_anything_changes(saved_network, tmp_path, name, options):
    saved_network(tmp_path, name, **options)
    model = build_model("espcn")
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"weights_best.weights.h5: holds weights of another network .*expected espcn at scale 4$"
    ):
        load_weights(model, tmp_path / "weights_best.weights.h5")
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_gan_at_another_scale_is_refused(saved_network, tmp_path):
    saved_network(tmp_path, "srgan", scale=2)
    with pytest.raises(ValueError, match="expected srgan at scale 4"):
        load_weights(build_model("srgan"), tmp_path / "weights_best.weights.h5")


@pytest.mark.parametrize("damage", [b"", b"not HDF5 at all", None], ids=["empty", "text", "cut short"])
def test_damaged_weights_are_one_line(saved_network, tmp_path, damage):
    saved_network(tmp_path)
    path = tmp_path / "weights_best.weights.h5"
    path.write_bytes(path.read_bytes()[:5000] if damage is None else damage)
    with pytest.raises(ValueError, match=r"weights_best.weights.h5: not a file of weights") as fault:
        load_weights(build_model("espcn"), path)
    assert "\n" not in str(fault.value)
    with pytest.raises(FileNotFoundError, match="none.weights.h5: no such file"):
        load_weights(build_model("espcn"), tmp_path / "none.weights.h5")
