"""Training on several devices, which JAX makes of the CPU in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FLAGS = "--xla_force_host_platform_device_count=4"


@pytest.mark.parametrize("which", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_on_four_devices(which):
    tests = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-m", which, "-p", "no:cacheprovider", str(tests / "on_devices.py")]
    run = subprocess.run(
        command, cwd=tests.parent, env={**os.environ, "XLA_FLAGS": FLAGS}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout
