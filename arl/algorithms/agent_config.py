"""Hyperparameters of every algorithm, and the networks that they describe."""

from typing import Any

from arl import networks
from arl.config import config, static, traced
from arl.networks import Network, layers
from envs.vector import VectorEnv


@config
class AgentConfig:
    """Hyperparameters of every algorithm.

    `learning_rate`: of Adam; `gamma`: discount factor of a step; `normalize_observations`: to mean 0 and variance 1.
    `num_envs`: envs stepped side by side.
    `network`: a name of `arl.networks` or `module:Class`; `hidden_size`, `num_layers`, `activation`: of its hidden layers.
    """

    learning_rate: float = traced(3e-4, low=0.0)
    gamma: float = traced(0.99, low=0.0, high=1.0)
    normalize_observations: bool = traced(False)
    num_envs: int = static(8, low=1)
    network: str = static("auto")
    hidden_size: int = static(64, low=1)
    num_layers: int = static(2, low=1)
    activation: str = static("tanh", choices=tuple(layers.ACTIVATIONS))


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
        activation=config.activation,
        **settings,
    )
