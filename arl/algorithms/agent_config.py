"""The networks that the hyperparameters of an agent describe."""

from typing import Any

from arl import networks
from arl.hyperparameters.agent import AgentConfig
from arl.networks import Network, layers
from envs.vector import VectorEnv


def network(config: AgentConfig, env: VectorEnv, num_outputs: int, hidden_size: int = 0, **settings: Any) -> Network:
    """Return the network of a config for an env's observations.

    Args:
        config: the agent's.
        env: the env.
        num_outputs: size of the output.
        hidden_size: of the hidden layers; 0 is the config's.
        **settings: what else `arl.networks.Network` may be made with.
    """
    return networks.make(
        config.network,
        env.obs_spec,
        num_outputs,
        hidden_size=hidden_size or config.hidden_size,
        num_layers=config.num_layers,
        activation=layers.activation(config.activation),
        **settings,
    )
