"""Whether a device computes what training needs: pieces of our programs beside the same in NumPy, in double precision.

A device or a compiler that is at fault rarely fails: it gives other numbers. Each piece runs on the default device at several
sizes; its error is the largest difference relative to the largest number of the reference.

    products    of one small matrix with many vectors, and sums over each: what jax 0.10.2 gets wrong on CPUs
    network     outputs of an MLP
    gradient    of PPO's loss, with respect to all weights of actor and critic
    gae         advantages of a rollout of many envs
    evaluation  returns of episodes, a lane for each of many controllers of a spring
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from arl import config as configs
from arl.algorithms import ppo
from arl.networks.layers import Layer
from arl.networks.mlp import MLP
from arl.training import evaluation
from envs.base import Transition
from envs.vector import VectorEnv

SIZES = (64, 512, 4096)  # of a batch, or lanes
MAX_WIDTH = 512  # of a hidden layer, which is otherwise as wide as the batch is large
NUM_STEPS = 128  # of a rollout
NUM_EPISODES = 2  # of a lane

FLOAT32_ERROR = 1e-4  # sums and products in single precision stay below it
REDUCED_ERROR = 0.05  # matrix products in TF32 and bfloat16 below this

Numbers = Any  # a NumPy array, where ours has a JAX array
Weights = list[tuple[Numbers, Numbers]]  # of each layer, `(out, in)` and `(out,)`


@dataclasses.dataclass(frozen=True)
class Check:
    """How far a piece is from the reference.

    Attributes:
        piece: a name in `PIECES`.
        size: its size.
        error: the largest difference relative to the largest number of the reference; NaN if one is not finite.
    """

    piece: str
    size: int
    error: float

    @property
    def verdict(self) -> str:
        """`float32`, `reduced precision` (matrix products in TF32 or bfloat16, where a piece has any) or `wrong`."""
        if self.error <= FLOAT32_ERROR:
            return "float32"
        return "reduced precision" if self.piece in WITH_PRODUCTS and self.error <= REDUCED_ERROR else "wrong"


def checks(sizes: Sequence[int] = SIZES) -> Iterator[Check]:
    """Yield a check of every piece at every size."""
    for size in sizes:
        for piece in PIECES:
            yield check(piece, size)


def check(piece: str, size: int) -> Check:
    """Run a piece, a name in `PIECES`, at a size."""
    return Check(piece, size, error(*PIECES[piece](size)))


def error(got: PyTree[Any], reference: PyTree[Any]) -> float:
    """Return the largest difference in any array, relative to the largest number of the reference's array."""
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(reference), strict=True)
    return float(np.max([np.max(np.abs(np.asarray(x, float) - y)) / np.max(np.abs(y)) for x, y in pairs]))


def products(size: int) -> tuple[Array, Numbers]:
    """Return squared lengths `(vector,)` of ten times as many vectors, each multiplied by a matrix, and the reference's."""
    rng = np.random.default_rng(size)
    matrix, vectors = _normal(rng, 3, 3), _normal(rng, 10 * size, 3)

    def squared_length(vector: Array) -> Array:
        return jnp.sum((_single(matrix) @ vector) ** 2)

    return jax.jit(jax.vmap(squared_length))(_single(vectors)), np.sum((vectors @ matrix.T) ** 2, axis=1)


def network(size: int) -> tuple[Array, Numbers]:
    """Return the outputs `(batch, output)` of an MLP, and the reference's."""
    rng = np.random.default_rng(size)
    weights, obs = _weights(rng, 8, size, 4), _normal(rng, size, 8)
    mlp = MLP(num_outputs=4, hidden_size=_width(size))
    return jax.jit(mlp.apply)(_layers(weights), obs), _activations(weights, obs)[-1].T


def gradient(size: int) -> tuple[ppo.Params, ppo.Params]:
    """Return the gradient of PPO's loss on a batch, and the reference's."""
    rng = np.random.default_rng(size)
    actor, critic = _weights(rng, 2, size, 1), _weights(rng, 2, size, 1)
    config: Any = configs.make(ppo.Config, {"hidden_size": _width(size)})
    samples = jax.tree.map(_rounded, _samples(rng, size, actor, critic))

    def loss(params: ppo.Params, samples: ppo.Samples) -> Array:
        return ppo.loss(params, config, SPRING, samples)[0]

    params = ppo.Params(_layers(actor), _layers(critic), jnp.zeros(1))
    grads = jax.jit(jax.grad(loss))(params, jax.tree.map(_single, samples))
    return grads, _loss_gradient(actor, critic, samples, config)


def gae(size: int) -> tuple[Array, Numbers]:
    """Return advantages `(time, env)` of a rollout, and the reference's."""
    rng = np.random.default_rng(size)
    reward, value, next_value = _normal(rng, 3, NUM_STEPS, size)
    terminated, truncated = rng.random((2, NUM_STEPS, size)) < 0.02
    rollout = reward, value, next_value, terminated, terminated | truncated
    return jax.jit(ppo.gae)(*rollout, 0.99, 0.95), _advantages(*rollout, 0.99, 0.95)


def evaluated(size: int) -> tuple[Array, Numbers]:
    """Return the returns `(lane, episode)` of controllers of the spring, and the reference's."""
    gains = _single(np.linspace(0.1, 2.0, size))

    def returns(gain: Array) -> Array:
        episodes = evaluation.evaluate(SPRING, lambda obs: -gain * obs[:, 1:], jax.random.key(0), NUM_EPISODES)
        return episodes.episode_return

    reference = np.repeat(_spring_returns(gains)[:, None], NUM_EPISODES, axis=1)
    return jax.jit(jax.vmap(returns))(gains), reference


PIECES: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "products": products,
    "network": network,
    "gradient": gradient,
    "gae": gae,
    "evaluation": evaluated,
}
WITH_PRODUCTS = ("products", "network", "gradient")


class Spring:
    """A mass on a spring, at rest one unit away, that is pushed by a force from -1 to 1; the reward is -(distance)^2.

    It fulfils `envs.base.Env`. Nothing in it is random.
    """

    params: ClassVar[dict[str, float]] = {}
    episode_limit = 200
    return_range = None
    dear_reset = False
    num_actions = None
    action_low, action_high = np.array([-1.0], np.float32), np.array([1.0], np.float32)

    def reset(self, key: PRNGKeyArray, params: Any) -> tuple[Array, dict[str, Array]]:
        """Return the state at rest, and place and speed in it."""
        return jnp.array([1.0, 0.0]), {"motion": jnp.array([1.0, 0.0]), "time": jnp.zeros((), jnp.int32)}

    def step(self, key: PRNGKeyArray, state: dict[str, Array], action: Float[Array, "1"], params: Any) -> Transition:
        """Return what a push leads to."""
        motion, time = jnp.stack(_pushed(state["motion"][0], state["motion"][1], action[0])), state["time"] + 1
        reward, never = -jnp.square(motion[0]), jnp.zeros((), bool)
        return Transition(motion, {"motion": motion, "time": time}, reward, never, time >= self.episode_limit)


SPRING = VectorEnv(Spring(), Spring.params)


def _pushed(place: Any, speed: Any, force: Any) -> tuple[Any, Any]:
    """Return place and speed of the spring 0.1 seconds later."""
    speed = speed + 0.1 * (force - place)
    return place + 0.1 * speed, speed


def _spring_returns(gains: Numbers) -> Numbers:
    """Return the return of each controller."""
    place, speed, total = np.ones(len(gains)), np.zeros(len(gains)), np.zeros(len(gains))
    for _ in range(Spring.episode_limit):
        place, speed = _pushed(place, speed, np.clip(-gains * speed, -1.0, 1.0))
        total -= place**2
    return total


def _advantages(
    reward: Numbers,
    value: Numbers,
    next_value: Numbers,
    terminated: Numbers,
    done: Numbers,
    gamma: float,
    gae_lambda: float,
) -> Numbers:
    """Return generalised advantage estimates, see `ppo.gae`."""
    advantage = np.zeros((len(reward) + 1, *reward.shape[1:]))
    for t in reversed(range(len(reward))):
        delta = reward[t] + gamma * np.where(terminated[t], 0.0, next_value[t]) - value[t]
        advantage[t] = delta + gamma * gae_lambda * np.where(done[t], 0.0, advantage[t + 1])
    return advantage[:-1]


def _samples(rng: np.random.Generator, size: int, actor: Weights, critic: Weights) -> ppo.Samples:
    """Return a batch, no sample of which is near a value where the gradient of PPO's loss jumps."""
    obs = _normal(rng, size, 2)
    mean, value = _activations(actor, obs)[-1][0], _activations(critic, obs)[-1][0]
    action = mean + _normal(rng, size)
    return ppo.Samples(
        obs=obs,
        action=action[:, None],
        log_prob=_log_prob(action, mean) - rng.choice([-0.5, -0.1, 0.1, 0.5], size),
        value=value + rng.choice([-0.5, -0.1, 0.1, 0.5], size),
        advantage=_normal(rng, size),
        target=value + rng.choice([-1.0, 1.0], size),
    )


def _loss_gradient(actor: Weights, critic: Weights, samples: Any, config: Any) -> ppo.Params:
    """Return the gradient of PPO's loss for a normal policy of standard deviation 1, without entropy."""
    mean, value = (_activations(weights, samples.obs)[-1][0] for weights in (actor, critic))
    deviation = samples.action[:, 0] - mean
    of_log_prob = _policy_slope(_log_prob(samples.action[:, 0], mean), samples, config)
    of_value = config.vf_coef * _value_slope(value, samples, config)
    return ppo.Params(
        actor=_backward(actor, samples.obs, of_log_prob * deviation),
        critic=_backward(critic, samples.obs, of_value),
        log_std=_mean(of_log_prob * (deviation**2 - 1.0)),
    )


def _policy_slope(log_prob: Numbers, samples: Any, config: Any) -> Numbers:
    """Return the derivative of each sample's policy loss with respect to its log probability."""
    ratio = np.exp(log_prob - samples.log_prob)
    advantage = (samples.advantage - np.mean(samples.advantage)) / np.std(samples.advantage)
    is_clipped = np.where(advantage > 0, ratio > 1 + config.clip_eps, ratio < 1 - config.clip_eps)
    return np.where(is_clipped, 0.0, -ratio * advantage)


def _value_slope(value: Numbers, samples: Any, config: Any) -> Numbers:
    """Return the derivative of each sample's value loss with respect to its value."""
    change = np.clip(value - samples.value, -config.vf_clip_eps, config.vf_clip_eps)
    near = samples.value + change
    is_constant = (np.abs(value - samples.value) > config.vf_clip_eps) & (
        np.abs(near - samples.target) > np.abs(value - samples.target)
    )
    return np.where(is_constant, 0.0, value - samples.target)


def _backward(weights: Weights, obs: Numbers, of_output: Numbers) -> list[Layer]:
    """Return the gradient of the mean of a function of an MLP's one output, given each sample's derivative."""
    inputs = [obs.T, *_activations(weights, obs)[:-1]]
    back, layers = of_output[None] / len(obs), []
    for (weight, _), x in zip(reversed(weights), reversed(inputs), strict=True):
        layers.append(Layer(back @ x.T, back.sum(axis=1)))
        back = (weight.T @ back) * (1.0 - x**2)
    return layers[::-1]


def _activations(weights: Weights, obs: Numbers) -> list[Numbers]:
    """Return the outputs `(out, batch)` of each layer of an MLP, after tanh in all but the last."""
    outputs = [obs.T]
    for i, (weight, bias) in enumerate(weights):
        x = weight @ outputs[-1] + bias[:, None]
        outputs.append(np.tanh(x) if i + 1 < len(weights) else x)
    return outputs[1:]


def _mean(x: Numbers) -> Numbers:
    return np.mean(x, keepdims=True)


def _log_prob(action: Numbers, mean: Numbers) -> Numbers:
    return -0.5 * (action - mean) ** 2 - 0.5 * np.log(2 * np.pi)


def _weights(rng: np.random.Generator, num_inputs: int, size: int, num_outputs: int) -> Weights:
    """Return layers whose outputs are as large as their inputs, rounded to single precision."""
    sizes = [num_inputs, _width(size), _width(size), num_outputs]
    return [
        (_rounded(rng.normal(size=(num_out, num_in)) / num_in**0.5), _rounded(0.1 * rng.normal(size=num_out)))
        for num_in, num_out in itertools.pairwise(sizes)
    ]


def _width(size: int) -> int:
    return min(size, MAX_WIDTH)


def _layers(weights: Weights) -> list[Layer]:
    return [Layer(_single(weight), _single(bias)) for weight, bias in weights]


def _normal(rng: np.random.Generator, *shape: int) -> Numbers:
    """Return normal numbers, rounded to single precision."""
    return _rounded(rng.normal(size=shape))


def _rounded(x: Numbers) -> Numbers:
    """Return numbers in double precision that single precision holds exactly."""
    return _single(x).astype(float)


def _single(x: Numbers) -> Numbers:
    return x.astype(np.float32)
