import pytest

from bathysr_nb.augment import preview
from bathysr_nb.grids.synthetic import seafloor

HR = seafloor((3 * 64, 64), province="ridge", seed=1).reshape(3, 64, 64)


def test_preview_shows_each_augmentation_once():
    titles = [ax.get_title() for ax in preview.preview(HR, index=1).axes]
    assert titles[:4] == ["original", "up_down", "left_right", "both"]
    assert {"rotate_30_nearest", "rotate_30_reflect", "rotate_30_wrap", "rotate_90", "rotate_180"} < set(titles)
    assert {"depth_0.5", "depth_1.5", "zoom_0.5", "zoom_0.9"} < set(titles)


def test_a_patch_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="index is 3, expected 0 to 2"):
        preview.preview(HR, 3)
