"""The networks that the hyperparameters of an agent describe, and the key of their weights."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

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
    categories = {"num_categories": env.num_categories} if env.num_categories else {}
    return networks.make(
        _network_name(config, env),
        env.obs_spec,
        num_outputs,
        hidden_size=hidden_size or config.hidden_size,
        num_layers=config.num_layers,
        activation=layers.activation(config.activation),
        **categories,
        **settings,
    )


def check_network(config: AgentConfig, env: VectorEnv, num_outputs: int, **settings: Any) -> None:
    """Refuse a network that can't be used with an env's observations.

    Raises:
        InputError: see `arl.networks.check`, which has the settings.
    """
    networks.check(_network_name(config, env), env.obs_spec, num_outputs, **settings)


def _network_name(config: AgentConfig, env: VectorEnv) -> str:
    return networks.choose(config.network, env.obs_spec, has_categories=env.num_categories is not None)


def network_key(key: PRNGKeyArray, config: AgentConfig) -> PRNGKeyArray:
    """Return the key of an agent's untrained networks: the given one, or that of the same number in all configs."""
    return jnp.where(config.network_seed > 0, jax.random.fold_in(key, config.network_seed), key)
