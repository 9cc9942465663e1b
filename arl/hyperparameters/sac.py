"""Hyperparameters of SAC."""

from arl.config import Choice, declared, static, traced
from arl.hyperparameters.agent import ACTIVATIONS
from arl.hyperparameters.off_policy import OffPolicyConfig


@declared
class SACConfig(OffPolicyConfig):
    """Hyperparameters of SAC: those of `OffPolicyConfig`, and these.

    `learning_rate`: of the actor; those of the critics and of the temperature are multiples of it,
    `critic_learning_rate_scale` and `alpha_learning_rate_scale`.
    `alpha`: the temperature; with `alpha_auto` the one to begin with, which has no effect later.
    `target_entropy_scale`: in units of minus the number of action components (real-valued), or of 0.98 log(number of
    actions) (discrete).
    `noise_correlation`: of the noise in real-valued actions from one step to the next while exploring. Its distribution at
    each step stays the policy's own; more than 0 reaches further (Eberhard et al. 2023, "Pink noise is all you need").
    `target_update_gradient_steps`: updates from one blend of the target networks to the next.
    `critic_hidden_size`: of the critics' hidden layers; 0 is `hidden_size`, which is then the actor's and theirs.
    """

    critic_learning_rate_scale: float = traced(1.0, low=0.0)
    alpha_learning_rate_scale: float = traced(1.0, low=0.0)
    tau: float = traced(0.005, low=0.0, high=1.0)
    alpha: float = traced(1.0, low=0.0)
    alpha_auto: bool = traced(True)
    target_entropy_scale: float = traced(1.0)
    target_update_gradient_steps: int = traced(1, low=1)
    batch_size: int = static(256, low=1)
    num_envs: int = static(1, low=1)
    activation: Choice = traced("relu", choices=ACTIVATIONS, mutable=False)
    critic_hidden_size: int = static(0, low=0)
