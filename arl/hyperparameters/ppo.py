"""Hyperparameters of PPO."""

from arl.config import declared, static, traced
from arl.hyperparameters.agent import NO_LIMIT
from arl.hyperparameters.on_policy import OnPolicyConfig


@declared
class PPOConfig(OnPolicyConfig):
    """Hyperparameters of PPO: those of `OnPolicyConfig`, and these; the defaults are those of the reference system's space.

    `gae_lambda`, `clip_eps`, `vf_clip_eps`, `ent_coef`, `vf_coef`: see the head of `arl.algorithms.ppo`.
    `normalize_advantage`: to mean 0 and variance 1 in each minibatch.
    `log_std_min`, `log_std_max`: bounds of the logarithm of the standard deviation of real-valued actions (those of SAC,
    Haarnoja et al. 2018); without, it may grow until its exponential overflows.
    `state_dependent_std`: whether standard deviations come from the network, or are the same for all observations.
    `target_kl`: once a minibatch's mean divergence from the policy of the rollout is larger than 1.5 times this, the rest of
    the iteration's updates are left out, as in stable-baselines3.
    `critic_hidden_size`: of the critic's hidden layers; 0 is `hidden_size`, which is then the actor's and its.
    """

    gae_lambda: float = traced(0.95, low=0.0, high=1.0)
    clip_eps: float = traced(0.2, low=0.0)
    vf_clip_eps: float = traced(0.2, low=0.0)
    normalize_advantage: bool = traced(True)
    ent_coef: float = traced(0.0, low=0.0)
    vf_coef: float = traced(0.5, low=0.0)
    log_std_min: float = traced(-20.0)
    log_std_max: float = traced(2.0)
    target_kl: float = traced(NO_LIMIT, low=0.0)
    adam_eps: float = traced(1e-5, low=0.0)
    state_dependent_std: bool = static(False)
    critic_hidden_size: int = static(0, low=0)
