"""Hyperparameters of PQN."""

from arl.config import Choice, declared, shared, static, traced
from arl.hyperparameters.agent import ACTIVATIONS
from arl.hyperparameters.on_policy import OnPolicyConfig


@declared
class PQNConfig(OnPolicyConfig):
    """Hyperparameters of PQN: those of `OnPolicyConfig`, and these; the defaults learn CartPole in 100,000 env steps.

    `td_lambda`: share of the sampled return in a target, see `arl.algorithms.pqn`.
    `initial_epsilon`, `final_epsilon`: probabilities of a random action; `exploration_fraction`: the share of
    `schedule_steps`, the env steps of a full run, over which epsilon falls from one to the other.
    """

    td_lambda: float = traced(0.95, low=0.0, high=1.0)
    initial_epsilon: float = traced(1.0, low=0.0, high=1.0)
    final_epsilon: float = traced(0.05, low=0.0, high=1.0)
    exploration_fraction: float = traced(0.2, low=0.0, high=1.0)
    reward_scale: float = traced(0.1, low=0.0)
    max_grad_norm: float = traced(10.0, low=0.0)
    schedule_steps: int = traced(100_000, low=1)
    num_epochs: int = shared(4, low=1)
    num_steps: int = static(16, low=1)
    network: str = static("auto_layer_norm")
    hidden_size: int = static(128, low=1)
    activation: Choice = traced("relu", choices=ACTIVATIONS, mutable=False)
