"""Hyperparameters of DQN."""

from arl.config import declared, shared, static, traced
from arl.hyperparameters.agent import NO_LIMIT
from arl.hyperparameters.off_policy import OffPolicyConfig


@declared
class DQNConfig(OffPolicyConfig):
    """Hyperparameters of DQN: those of `OffPolicyConfig`, and these.

    `initial_epsilon`, `final_epsilon`: probabilities of a random action; `exploration_fraction`: the share of
    `schedule_steps` over which epsilon falls from one to the other.
    `noise_correlation`: from one step to the next, of the numbers that decide whether to explore and by which action. Each
    step by itself stays epsilon-greedy; with more than 0 an action is held on to, which reaches further (cf. Dabney et al.
    2021, arXiv:2006.01782).
    `target_update_interval`: in env steps; when an iteration has passed multiples of it, the target network takes over
    `tau` of the network for each of them: after k multiples, 1 - (1 - tau)^k of it.
    `huber_delta`: larger errors count linearly in the loss (Huber 1964); 1 clips them as Mnih et al. 2015 do.
    `double_q`, `dueling`: see the head of `arl.algorithms.dqn`.
    """

    initial_epsilon: float = traced(1.0, low=0.0, high=1.0)
    final_epsilon: float = traced(0.05, low=0.0, high=1.0)
    exploration_fraction: float = traced(0.1, low=0.0, high=1.0)
    target_update_interval: int = traced(1_000, low=1)
    huber_delta: float = traced(NO_LIMIT, low=0.0)
    train_freq: int = shared(4, low=1)
    double_q: bool = shared(True, mutable=False)
    dueling: bool = static(False)
