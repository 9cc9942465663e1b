"""Hyperparameters of learning from a replay memory, which DQN and SAC share."""

from arl.config import declared, shared, static, traced
from arl.hyperparameters.agent import AgentConfig


@declared
class OffPolicyConfig(AgentConfig):
    """Hyperparameters of an agent that learns from a replay memory: those of `AgentConfig`, and these.

    `tau`: share of the network that a target network takes over when it is due; without a target network, the network
    itself is the target.
    `buffer_size`: transitions that the replay holds; `learning_starts`: env steps before the first update.
    `noise_correlation`: from one step to the next, of the random numbers that explore; 0 is the usual white noise.
    `priority_alpha`, `priority_beta`, `priority_epsilon`: of prioritized replay, see `arl.algorithms.replay`. The first can't
    change in mid-run: priorities are stored to its power.
    `anneal_priority_beta`: whether `priority_beta` rises linearly to 1 over `schedule_steps` (Schaul et al. 2016).
    `schedule_steps`: env steps of a full run.
    `train_freq`: steps of each env in an iteration; `gradient_steps`: updates in an iteration.
    `n_step`: steps over which rewards are summed before the value of what follows is bootstrapped.
    `batch_size`: transitions of an update; `max_buffer_size`: transitions for which memory is taken.
    """

    tau: float = traced(1.0, low=0.0, high=1.0)
    buffer_size: int = traced(100_000, low=1, mutable=False)
    learning_starts: int = traced(1_000, low=0)
    noise_correlation: float = traced(0.0, low=0.0, high=0.999)
    use_target_network: bool = traced(True)
    priority_alpha: float = traced(0.6, low=0.0, mutable=False)
    priority_beta: float = traced(0.4, low=0.0)
    priority_epsilon: float = traced(1e-6, low=0.0)
    anneal_priority_beta: bool = traced(False)
    schedule_steps: int = traced(100_000, low=1)
    train_freq: int = shared(1, low=1)
    gradient_steps: int = shared(1, low=1)
    prioritized: bool = static(False)
    n_step: int = static(1, low=1)
    batch_size: int = static(64, low=1)
    max_buffer_size: int = static(100_000, low=1)
