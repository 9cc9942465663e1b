"""The machine: its devices, how many lanes each should step together, and the compilation cache."""

import functools
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

# Lanes stepped together on one device. On a CPU core more lanes than this leave the cache (measured by
# `scripts/bench_width.py`); a GPU is filled, as far as its memory goes.
LANES_PER_DEVICE = {"cpu": 8, "gpu": 4096, "tpu": 1024}

# Small programs gain nothing from XLA splitting one matrix product over threads (the lanes are split instead), and nothing
# but twice the compilation time from LLVM's highest optimisation level.
COMPILER_OPTIONS: dict[str, dict[str, Any]] = {
    "cpu": {"xla_cpu_multi_thread_eigen": False, "xla_backend_optimization_level": 1}
}


@functools.cache
def setup() -> None:
    """Make every CPU core a device and turn the persistent compilation cache on.

    Called before the first computation. Where the caller has already started JAX, its devices are taken as they are.
    """
    try:
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))
    except RuntimeError:
        pass
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_directory() / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def cache_directory() -> Path:
    """Where compiled programs are kept: `$XDG_CACHE_HOME/arl`, or `~/.cache/arl`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arl"


def mesh() -> jax.sharding.Mesh:
    """All devices in one row; lanes are split over it by seed."""
    setup()
    return jax.sharding.Mesh(np.array(jax.local_devices()), ("seed",))


def lanes_per_device() -> int:
    """How many lanes one device steps together."""
    return LANES_PER_DEVICE.get(jax.default_backend(), 64)


def compiler_options() -> dict[str, Any]:
    """XLA options for the programs that train."""
    return COMPILER_OPTIONS.get(jax.default_backend(), {})


def describe() -> dict[str, Any]:
    """The device a run was trained on, for its provenance."""
    device = jax.local_devices()[0]
    return {
        "jax": jax.__version__,
        "backend": device.platform,
        "device": device.device_kind,
        "num_devices": len(jax.local_devices()),
        "dtype": "float32",
    }
