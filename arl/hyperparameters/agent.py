"""Hyperparameters of every algorithm."""

from arl.config import Choice, declared, static, traced

NO_LIMIT = 1e9  # of errors, norms and divergences, which do not come near it; JSON has no infinity
ACTIVATIONS = ("tanh", "relu")  # of the networks' hidden layers, see `arl.networks.layers`


@declared
class AgentConfig:
    """Hyperparameters of every algorithm.

    `learning_rate`: of Adam; `adam_beta1`, `adam_beta2`, `adam_eps`: its decay rates and epsilon (Kingma & Ba 2015).
    `max_grad_norm`: longer gradients are scaled down to it.
    `gamma`: discount factor of a step; `normalize_observations`: to mean 0 and variance 1.
    `reward_scale`: factor of rewards; `normalize_rewards`: whether they are also divided by the standard deviation of
    discounted returns, see `arl.algorithms.rewards`.
    `num_envs`: envs stepped side by side.
    `network_seed`: 0 or the number of other untrained networks than those that the run's seed gives.
    `network`: a name of `arl.networks` or `module:Class`; `hidden_size`, `num_layers`, `activation`: of its hidden layers.
    """

    learning_rate: float = traced(3e-4, low=0.0)
    adam_beta1: float = traced(0.9, low=0.0, high=0.9999)
    adam_beta2: float = traced(0.999, low=0.0, high=0.999999)
    adam_eps: float = traced(1e-8, low=0.0)
    max_grad_norm: float = traced(NO_LIMIT, low=0.0)
    gamma: float = traced(0.99, low=0.0, high=1.0)
    normalize_observations: bool = traced(False)
    reward_scale: float = traced(1.0, low=0.0)
    normalize_rewards: bool = traced(False)
    network_seed: int = traced(0, low=0, mutable=False)
    num_envs: int = static(8, low=1)
    network: str = static("auto")
    hidden_size: int = static(64, low=1)
    num_layers: int = static(2, low=1)
    activation: Choice = traced("tanh", choices=ACTIVATIONS, mutable=False)
