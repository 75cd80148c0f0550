"""Import Keras without the page of notices that TensorFlow prints when it starts.

The notices come from compiled code before any log level is read, so standard error itself
is set aside during the import; an exception is raised as ever. Modules that need Keras
import this one first.
"""

from __future__ import annotations

import contextlib
import logging
import os


@contextlib.contextmanager
def _quiet_stderr():
    """Send file descriptor 2 to nowhere for the length of the block."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def dtype_policy(name: str | None):
    """Build layers under a dtype policy, e.g. ``mixed_bfloat16``, for the length of the block; None: as it is."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # leave memory to other kernels on the GPU
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
with _quiet_stderr():
    import keras
    from keras import ops

    ops.zeros(1)  # the first tensor starts the devices, with notices of its own
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its import sets another level

__all__ = ["dtype_policy", "keras", "ops"]
