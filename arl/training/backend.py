"""The machine: its devices, how many lanes a worker should step together, and the compilation cache."""

import functools
import itertools
import os
from pathlib import Path
from typing import Any

import jax
import platformdirs
import psutil

from arl.errors import InputError
from arl.training import program_cache

# Lanes stepped together by one worker. More lanes than this leave a core's cache (measured by
# `scripts/bench_update.py`); a GPU is filled, as far as its memory goes.
LANES_PER_WORKER = {"cpu": 4, "gpu": 4096, "tpu": 1024}

# Small programs gain nothing from XLA splitting one matrix product over threads (the lanes are split instead), and nothing
# but twice the compilation time from LLVM's highest optimisation level. In one piece they compile in nine tenths of the time.
COMPILER_OPTIONS: dict[str, dict[str, Any]] = {
    "cpu": {
        "xla_cpu_multi_thread_eigen": False,
        "xla_backend_optimization_level": 1,
        "xla_cpu_parallel_codegen_split_count": 1,
    }
}

_PRECISION = "jax_default_matmul_precision"

# XLA's older code generator takes 0.6 times as long as its new one, which vectorises better what has several lanes, or large
# arrays: evaluation in four lanes took 4 times as long, a rollout twice.
#
# What does not change in a loop stays in it: moved out, each number is a kernel of its own. That saves a tenth of the time.
QUICK_COMPILER_OPTIONS: dict[str, dict[str, Any]] = {
    "cpu": {"xla_cpu_use_fusion_emitters": False, "xla_disable_hlo_passes": "while-loop-invariant-code-motion"}
}
if jax.__version_info__ >= (0, 11):  # whose XLA has the new one only, and refuses the option
    del QUICK_COMPILER_OPTIONS["cpu"]["xla_cpu_use_fusion_emitters"]

# Without optimising, LLVM takes a third to a half of the time.
ONCE_COMPILER_OPTIONS: dict[str, dict[str, Any]] = {"cpu": {"xla_backend_optimization_level": 0}}

WRONG_JAX = ("0.10.2",)  # on CPUs: reductions over batched products of small matrices


def check_jax() -> None:
    """Refuse a version of JAX that gives wrong numbers on the device at hand.

    Raises:
        InputError: it is one of those in `WRONG_JAX`, on a CPU.
    """
    if jax.__version__ in WRONG_JAX and jax.default_backend() == "cpu":
        raise InputError(
            f"jax must not be {jax.__version__}, which gives wrong numbers on CPUs: "
            "pip install -c requirements.lock jax jaxlib"
        )


@functools.cache
def setup() -> None:
    """Make JAX ready for training, but for what the user has set.

    CPU programs run on the thread that calls them, compiled programs are kept on disk, and matrix products are those of
    float32 on every device: a GPU would shorten their factors to TF32.

    Raises:
        InputError: JAX is in 64-bit mode.
    """
    if jax.config.values["jax_enable_x64"]:
        raise InputError("JAX must be in 32-bit mode, got JAX_ENABLE_X64=1 or jax_enable_x64=True")
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if jax.config.values["jax_compilation_cache_dir"] is None:
        program_cache.keep_in(cache_directory() / "programs")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if jax.config.values[_PRECISION] is None and jax.default_backend() != "cpu":  # whose products always are
        jax.config.update(_PRECISION, "float32")


def cache_directory() -> Path:
    """Return the directory of compiled programs: `$XDG_CACHE_HOME/arl` or `~/.cache/arl` on Linux, else the platform's."""
    return platformdirs.user_cache_path("arl")


def workers() -> list[jax.Device]:
    """Return the device of each worker: every GPU once, or the CPU, all of them where JAX divides it, once per core."""
    setup()
    devices = jax.local_devices()
    num_workers = max(num_cores(), len(devices)) if jax.default_backend() == "cpu" else len(devices)
    return list(itertools.islice(itertools.cycle(devices), num_workers))


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lanes_per_worker(backend: str | None = None) -> int:
    """Return how many lanes one worker steps together at most; `backend`: by default this machine's."""
    return LANES_PER_WORKER.get(backend or jax.default_backend(), 64)


def training_bytes() -> int:
    """Return memory that the programs of one worker may use, of what is not for agents that are kept."""
    workers_each = -(-len(workers()) // len(set(workers())))
    return (device_bytes() - agent_bytes()) // workers_each


def agent_bytes() -> int:
    """Return memory of each device that agents may take that are kept for others to go on from."""
    return device_bytes() // (16 if jax.default_backend() == "cpu" else 4)


def device_bytes() -> int:
    """Return memory of a device, or what the machine can give now where it is a CPU."""
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return psutil.virtual_memory().available // len(set(workers()))


def compiles_loops_in() -> bool:
    """Return whether how often loops are repeated is compiled into programs."""
    return jax.default_backend() == "gpu"


def num_compilers() -> int:
    """Return how many threads compile what comes next while others train; on a CPU, those that train compile."""
    return 0 if jax.default_backend() == "cpu" else max(1, num_cores() - len(workers()))


def compiler_options(is_hot: bool = True, once: bool = False) -> dict[str, Any]:
    """Return XLA options for a part: for faster code if much of training is spent in it, see `arl.algorithms.parts.Part`."""
    backend = jax.default_backend()
    options = COMPILER_OPTIONS.get(backend, {}) | ({} if is_hot else QUICK_COMPILER_OPTIONS.get(backend, {}))
    return options | (ONCE_COMPILER_OPTIONS.get(backend, {}) if once else {})


def describe() -> dict[str, Any]:
    """Return the device a run was trained on, for its provenance."""
    device = jax.local_devices()[0]
    return {
        "backend": device.platform,
        "device": device.device_kind,
        "num_workers": len(workers()),
        "dtype": _dtype(),
    }


def _dtype() -> str:
    """Return the type of all numbers, and that of the factors of matrix products where it is another."""
    precision = jax.config.values[_PRECISION]
    return "float32" if precision in (None, "float32", "highest") else f"float32, products in {precision}"
