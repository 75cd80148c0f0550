"""Import Keras without the page of notices that TensorFlow prints when it starts.

The notices come from compiled code before any log level is read, so standard error itself
is silenced during the import; exceptions are raised as usual. Modules that need Keras
import it from here.
"""

from __future__ import annotations

import contextlib
import logging
import os


@contextlib.contextmanager
def _quiet_stderr():
    """Discard what is written to file descriptor 2 within the block."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@contextlib.contextmanager
def dtype_policy(name: str | None):
    """Build layers under a dtype policy, e.g. ``mixed_bfloat16``, within the block; None leaves the policy as it is."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # leave memory to other processes on the GPU
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
with _quiet_stderr():
    import keras
    from keras import ops

    ops.zeros(1)  # creating the first tensor starts the devices, which prints more notices
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # importing TensorFlow has set another level

__all__ = ["dtype_policy", "keras", "ops"]
