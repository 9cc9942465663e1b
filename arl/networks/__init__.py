"""The networks of agents: `init`/`apply` pairs, ours and the user's."""

from arl.networks.registry import NETWORKS, Network, blank, check, choose, make

__all__ = ["NETWORKS", "Network", "blank", "check", "choose", "make"]
