"""The conformance checks of algorithms, networks and environments."""

from arl.testing import check_algorithm, check_network
from envs.testing import check_env

__all__ = ["check_algorithm", "check_env", "check_network"]
