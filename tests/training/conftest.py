import pytest


def _with_channel(pair):
    return tuple(side[..., None] for side in pair)


@pytest.fixture(scope="session")
def training_pairs(ridge_pairs):
    """48 pairs at scale 4, HR of 32 x 32 cells."""
    return _with_channel(ridge_pairs(48, 32, seed=0))


@pytest.fixture(scope="session")
def validation_pairs(ridge_pairs):
    return _with_channel(ridge_pairs(12, 32, seed=1))
