"""Hyperparameters of learning from rollouts of the current policy, which PPO and PQN share."""

from arl.config import declared, shared, static, traced
from arl.hyperparameters.agent import AgentConfig


@declared
class OnPolicyConfig(AgentConfig):
    """Hyperparameters of an agent that learns from rollouts: those of `AgentConfig`, and these.

    `anneal_steps`: env steps over which the learning rate falls linearly to zero; 0 keeps it constant.
    `num_epochs`: passes over a rollout; `minibatch_size`: transitions of an update, at most the rollout; if it does not
    divide the rollout, each epoch leaves out a random rest.
    `num_steps`: steps of each env in a rollout.
    """

    anneal_steps: int = traced(0, low=0)
    max_grad_norm: float = traced(0.5, low=0.0)
    num_epochs: int = shared(10, low=1)
    minibatch_size: int = static(64, low=1)
    num_steps: int = static(128, low=1)
