"""Training from a replay memory: the loop that DQN and SAC share.

An iteration makes `train_freq` steps in each of `num_envs` envs and stores them, then `gradient_steps` updates on
batches from the replay. Nothing is learned before `learning_starts` env steps; until then actions are random.

An algorithm gives `part` two functions, on observations that are normalised already:

    explore(learner, noise, config, env, obs, keys, env_steps) -> actions, noise
    update(learner, config, env, batch, weights, keys, progress) -> learner, td_error (batch,), metrics

Actions are `(env,)` if discrete, else `(env, action)` in [-1, 1]; `noise` is what exploration remembers between steps. There
is a key for each number of the noise, and as many for each transition of a batch as the algorithm asks for.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray, PyTree

from arl.algorithms import lanes, metrics, normalizer, random_keys, replay, reset_pools, rewards
from arl.algorithms.metrics import Metrics
from arl.algorithms.parts import Count, Keys, Part, Programs
from arl.errors import InputError
from arl.hyperparameters.off_policy import OffPolicyConfig
from envs.vector import Start, VectorEnv


class OffPolicyState(NamedTuple):
    """All that training goes on from, but the key.

    Attributes:
        learner: parameters, targets and optimizers.
        noise: what exploration remembers from step to step.
        replay: a `replay.Replay`.
        obs: the observations that the next actions are chosen from, arrays `(env, ...)`.
        episodes: a `metrics.Episodes`.
        returns: a `rewards.Returns`.
    """

    learner: Any
    noise: Any
    replay: Any
    normalizer: normalizer.Normalizer
    env_state: Any
    obs: PyTree[Array]
    episodes: Any
    returns: Any


class Progress(NamedTuple):
    """Where training stands at an update.

    Attributes:
        env_steps: env steps before and after this iteration's.
        last: whether this is the last update of the iteration.
        num_updates: updates of all iterations so far, this one included, and those before learning started, without effect.
    """

    env_steps: tuple[Int[Array, ""], Int[Array, ""]]
    last: Bool[Array, ""]
    num_updates: Int[Array, ""]


_SMALL = 16_384  # numbers in a hidden layer, see `is_large`

Explore = Callable[..., tuple[Array, Any]]
Update = Callable[..., tuple[Any, Array, Metrics]]
Agent = tuple[OffPolicyState, metrics.Updates]  # with the means of its updates' metrics since the call began


def iteration_steps(config: OffPolicyConfig) -> int:
    """Return the env steps of one iteration, the unit in which training can stop."""
    return config.num_envs * config.train_freq


def is_large(config: OffPolicyConfig) -> bool:
    """Return whether the arrays of an update are so large that faster code for them is worth slower compilation.

    On a CPU, code that is compiled in half the time trained at most 4 % slower with up to 16,384 numbers in a hidden layer
    (hidden sizes of 64 and 128), and 1.2 to 1.3 times slower with 65,536 (256, batches of 256).
    """
    return config.hidden_size * config.batch_size > _SMALL


def check(config: OffPolicyConfig) -> None:
    """Refuse a config that can't learn.

    Raises:
        InputError: a replay too small for a batch or for a step, or too large for its memory; learning that starts after
            the end of a full run.
    """
    if config.batch_size > config.buffer_size:
        raise InputError(f"batch_size must be at most buffer_size {config.buffer_size}, got {config.batch_size}")
    if config.num_envs > config.buffer_size:
        raise InputError(f"num_envs must be at most buffer_size {config.buffer_size}, got {config.num_envs}")
    if config.buffer_size > config.max_buffer_size:
        raise InputError(
            f"buffer_size must be at most max_buffer_size {config.max_buffer_size}, got {config.buffer_size}"
        )
    if config.learning_starts >= config.schedule_steps:
        raise InputError(
            f"learning_starts must be below the {config.schedule_steps} env steps of a full run, got {config.learning_starts}"
        )


def correlated(
    noise: Float[Array, "row env"], keys: Key[Array, "row env"], correlation: Float[Array, ""] | float
) -> Float[Array, "row env"]:
    """Return the next of a series of standard normal numbers with the given correlation from one to the next."""
    return correlation * noise + jnp.sqrt(1.0 - jnp.square(correlation)) * random_keys.normal(keys)


def uniform_of(noise: Float[Array, "row env"]) -> Float[Array, "row env"]:
    """Return the probabilities of smaller numbers than standard normal ones: uniform numbers in [0, 1].

    They are right to float32's last bits near 1. That is enough for them, and one operation instead of several that are
    right near 0 as well.
    """
    return 0.5 + 0.5 * jax.lax.erf(np.float32(np.sqrt(0.5)) * noise)


def start(key: PRNGKeyArray, noise: Any, config: OffPolicyConfig, env: VectorEnv) -> tuple[Any, ...]:
    """Return all of an untrained agent's state but its learner: an empty replay, at the start of its episodes."""
    obs, env_state = env.reset(key, (config.num_envs,))
    episodes, returns = metrics.no_episodes(config.num_envs), rewards.no_returns(config.num_envs)
    return noise, replay.init(config, env, obs), normalizer.init(env.obs_spec), env_state, obs, episodes, returns


def actor(state: OffPolicyState) -> OffPolicyState:
    """Return what an algorithm's `act` needs of an agent and what learns, with None in place of the rest."""
    return state._replace(noise=None, replay=None, env_state=None, obs=None, episodes=None, returns=None)


def train(
    iterations: Part,
    state: OffPolicyState,
    config: OffPolicyConfig,
    env: VectorEnv,
    key: Keys,
    env_steps: Count,
    num_iterations: Count,
    metric_names: tuple[str, ...],
    programs: Programs,
) -> tuple[OffPolicyState, Metrics]:
    """Train for `num_iterations` iterations, from an agent that has seen `env_steps` env steps.

    Metrics are means over the call's updates, and over the episodes that ended in it.

    Args:
        iterations: the algorithm's `part`.
        state: the agent.
        config: the agent's.
        env: the env.
        key: for all that is random.
        env_steps: those that the agent has seen.
        num_iterations: how many to train.
        metric_names: the algorithm's.
        programs: what runs it.
    """

    def train_from(pool: Start | None, steps: Count, num: Count, agent: Agent) -> Any:
        return programs.call(iterations, agent, pool, config, env, key, steps, num)

    unit, agent = iteration_steps(config), (state, programs.call(metrics.start(metric_names), (), (), config, env, key))
    state, updates = reset_pools.over_stretches(
        train_from, agent, config, env, key, env_steps, num_iterations, unit, programs
    )
    episodes, results = programs.call(metrics.end(metric_names), state.episodes, updates, config, env, key)
    return state._replace(episodes=episodes), results


def part(explore: Explore, update: Update, num_noise: Callable[[VectorEnv], int] = lambda env: 0) -> Part:
    """Return the part that trains an agent for some more iterations, with start states from a pool if there is one.

    Each iteration takes its keys from `key` and the env steps before it, so that it is the same wherever training was
    cut into calls.

    Args:
        explore: see the head of this module.
        update: see there.
        num_noise: how many keys an update takes for each transition.
    """

    def iterations(
        agent: Agent,
        pool: Start | None,
        config: OffPolicyConfig,
        env: VectorEnv,
        key: PRNGKeyArray,
        env_steps: Count,
        num_iterations: Count,
    ) -> Agent:
        def iteration(i: Array, agent: Agent) -> Agent:
            before = env_steps + i * iteration_steps(config)
            return _iteration(agent, pool, config, env, key, before, explore, update, num_noise(env))

        return jax.lax.fori_loop(0, num_iterations, iteration, agent)

    return Part(iterations, is_hot=is_large)


def _iteration(
    agent: Agent,
    pool: Start | None,
    config: OffPolicyConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    before: Int[Array, ""],
    explore: Explore,
    update: Update,
    num_noise: int,
) -> Agent:
    """Return an agent after the iteration that follows `before` env steps."""
    after = before + iteration_steps(config)

    def collect(j: Array, state: OffPolicyState) -> OffPolicyState:
        return _collect(state, config, env, key, before + j * config.num_envs, pool, explore)

    def learn(j: Array, agent: Agent) -> Agent:
        progress = Progress(
            env_steps=(before, after),
            last=j == config.gradient_steps - 1,
            num_updates=before // iteration_steps(config) * config.gradient_steps + j + 1,
        )
        shapes = (config.batch_size,), (num_noise, config.batch_size)
        return _learn(*agent, config, env, random_keys.of_step(key, before, *shapes, update=j), progress, update)

    state, updates = agent
    state = jax.lax.fori_loop(0, config.train_freq, collect, state)
    started = lanes.in_any(after > config.learning_starts)
    return jax.lax.fori_loop(0, jnp.where(started, config.gradient_steps, 0), learn, (state, updates))


def _collect(
    state: OffPolicyState,
    config: OffPolicyConfig,
    env: VectorEnv,
    key: PRNGKeyArray,
    env_steps: Int[Array, ""],
    pool: Start | None,
    explore: Explore,
) -> OffPolicyState:
    """Make one step of every env and store it."""
    shapes = state.noise.shape, (config.num_envs,), (config.num_envs,)
    noise_keys, step_keys, reset_keys = random_keys.of_step(key, env_steps, *shapes)
    obs = normalizer.normalize(state.normalizer, state.obs, config.normalize_observations)
    action, noise = explore(state.learner, state.noise, config, env, obs, noise_keys, env_steps)
    fresh = env.fresh(pool, env.starts(reset_keys, pool))
    after = env.step(step_keys, state.env_state, env.scaled(action), fresh)
    columns = action.reshape(config.num_envs, -1).astype(jnp.float32)
    memory = replay.add(
        state.replay, config, env, columns, after.reward, after.terminated, after.truncated, after.next_obs, after.obs
    )
    seen = normalizer.update(state.normalizer, state.obs)
    done = after.terminated | after.truncated
    episodes = metrics.add_step(state.episodes, after.reward, done)
    returns = rewards.add_step(state.returns, after.reward, done, config.gamma)
    return OffPolicyState(state.learner, noise, memory, seen, after.state, after.obs, episodes, returns)


def _learn(
    state: OffPolicyState,
    updates: metrics.Updates,
    config: OffPolicyConfig,
    env: VectorEnv,
    update_keys: tuple[Key[Array, "..."], ...],
    progress: Progress,
    update: Update,
) -> Agent:
    """Make one update, without effect before learning starts."""
    sample_keys, noise_keys = update_keys
    rows, weights = replay.sample(state.replay, config, sample_keys, progress.env_steps[0])
    batch = replay.gather(state.replay, config, env, rows)
    batch = batch._replace(
        reward=rewards.factor(state.returns, config) * batch.reward,
        obs=normalizer.normalize(state.normalizer, batch.obs, config.normalize_observations),
        next_obs=normalizer.normalize(state.normalizer, batch.next_obs, config.normalize_observations),
    )
    learner, td_error, of_update = update(state.learner, config, env, batch, weights, noise_keys, progress)
    started = progress.env_steps[1] > config.learning_starts
    learner = jax.tree.map(lambda new, old: jnp.where(started, new, old), learner, state.learner)
    # Weights are positive. It says that the old priorities are read before they are written: else XLA copies them all.
    after_reading = started & jnp.all(weights >= 0.0)
    memory = replay.set_priorities(state.replay, config, rows, td_error, after_reading)
    return state._replace(learner=learner, replay=memory), metrics.add_update(updates, of_update, started)
