"""Conformance checks for algorithms and networks of one's own."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from arl import config as configs
from arl import networks
from arl.algorithms.registry import MEMBERS, Algorithm
from arl.errors import InputError
from arl.networks import Network
from envs.vector import VectorEnv


def check_network(name: str, env: VectorEnv, num_outputs: int = 3) -> None:
    """Check that a network, registered or `module:Class`, keeps the contract with an env's observations.

    Raises:
        InputError: it can't be made or used with these observations, its outputs have another shape or are not finite, or a
            row of them depends on other rows.
        AssertionError: params are not arrays of real numbers, the outputs are not the same under `jit` and `vmap`, or
            gradients are not finite.
    """
    networks.check(name, env.obs_spec, num_outputs)
    network = networks.make(name, env.obs_spec, num_outputs)
    obs, _ = env.reset(jax.random.key(0), (4,))
    params = network.init(jax.random.key(1), obs)
    outputs = network.apply(params, obs)
    what = f"network {name!r}"
    if not all(jnp.issubdtype(x.dtype, jnp.floating) for x in jax.tree.leaves(params)):
        raise AssertionError(f"{what} must have params of real numbers, got {jax.tree.map(lambda x: x.dtype, params)}")
    row = network.apply(params, jax.tree.map(lambda x: x[1:2], obs))
    _assert_close(row[0], outputs[1], f"{what}: a row of outputs must depend on its own observation alone")
    _assert_close(jax.jit(network.apply)(params, obs), outputs, f"{what} must give the same under jit")
    lanes = jax.tree.map(lambda x: jnp.stack([x, 2 * x]), params)
    _assert_close(jax.vmap(network.apply, in_axes=(0, None))(lanes, obs)[0], outputs, f"{what} must allow vmap")
    _check_gradients(network, params, obs, what)


def _check_gradients(network: Network, params: PyTree[Array], obs: PyTree[Array], what: str) -> None:
    grads = jax.grad(lambda params: jnp.sum(jnp.square(network.apply(params, obs))))(params)
    if not all(np.isfinite(x).all() for x in jax.tree.leaves(grads)):
        raise AssertionError(f"{what} must have finite gradients")


def check_algorithm(algorithm: Algorithm, env: VectorEnv, values: Mapping[str, Any] | None = None) -> None:
    """Check that an algorithm keeps the contract on an env, with a config of these values besides its defaults.

    Choose values that make an iteration short, and with which learning begins in the first one.

    Raises:
        InputError: a part of it is missing, or it refuses the config on this env.
        AssertionError: another run under the same key, in lanes or in two calls gives other bits; a metric, a shape or a
            type is not as it says; a hyperparameter that is not static compiles anew.
    """
    missing = [member for member in MEMBERS if not hasattr(algorithm, member)]
    if missing:
        raise InputError(f"an algorithm must have {', '.join(MEMBERS)}, it lacks {', '.join(missing)}")
    config: Any = configs.make(algorithm.Config, dict(values or {}))
    algorithm.check(config, env)
    chex.clear_trace_counter()
    train = _Training(algorithm, env)
    state, metrics = train.at_once(config)
    _check_outcome(algorithm, config, env, state, metrics)
    chex.assert_trees_all_equal(train.at_once(config), (state, metrics))
    chex.assert_trees_all_equal(train.in_two_calls(config), state)
    canonical = algorithm.canonical(config)
    is_alike = configs.structure(canonical) == configs.structure(config)
    train_canonical = train if is_alike else _Training(algorithm, env)
    chex.assert_trees_all_equal(train_canonical.at_once(canonical)[0], state)
    _check_kinds(algorithm, config, train)


class _Training:
    """Two iterations of an algorithm with configs of one structure, which may be traced once only."""

    def __init__(self, algorithm: Algorithm, env: VectorEnv):
        self.algorithm, self.env = algorithm, env
        self.jitted = jax.jit(chex.assert_max_traces(self._train, n=1))
        self.init = jax.jit(lambda config: algorithm.init(jax.random.key(0), config, env))

    def _train(self, config: Any, state: Any, env_steps: Array, num_iterations: Array) -> Any:
        return self.algorithm.train(state, config, self.env, jax.random.key(1), env_steps, num_iterations)

    def at_once(self, config: Any) -> tuple[Any, Any]:
        """Return the state after two iterations, and the metrics."""
        return self.jitted(configs.arrays(config), self.init(configs.arrays(config)), np.int32(0), np.int32(2))

    def in_two_calls(self, config: Any) -> Any:
        """Return the state after two iterations, a call for each."""
        first, _ = self.jitted(configs.arrays(config), self.init(configs.arrays(config)), np.int32(0), np.int32(1))
        unit = np.int32(self.algorithm.iteration_steps(config))
        return self.jitted(configs.arrays(config), first, unit, np.int32(1))[0]


def _check_outcome(algorithm: Algorithm, config: Any, env: VectorEnv, state: Any, metrics: Any) -> None:
    if sorted(metrics) != sorted(algorithm.METRICS):
        raise AssertionError(f"train must give the metrics {sorted(algorithm.METRICS)}, got {sorted(metrics)}")
    blank = jax.eval_shape(lambda key: algorithm.init(key, config, env), jax.random.key(0))
    chex.assert_trees_all_equal_shapes_and_dtypes(jax.eval_shape(lambda: state), blank)
    obs, _ = env.reset(jax.random.key(2), (3,))
    for explore in (False, True):
        action = algorithm.act(state, config, env, obs, jax.random.key(3), explore)
        shape = (3,) if env.discrete else (3, env.action_size)
        if action.shape != shape:
            raise AssertionError(f"act must give actions of shape {shape}, got {action.shape}")


def _check_kinds(algorithm: Algorithm, config: Any, train: _Training) -> None:
    """Check that values which are not static share a program."""
    for name, kind in configs.kinds(algorithm.Config).items():
        if kind == "static":
            continue
        try:
            value = _another(configs.domains(algorithm.Config)[name], getattr(config, name))
            train.at_once(dataclasses.replace(config, **{name: value}))
        except AssertionError as error:
            raise AssertionError(f"{name} is {kind}: another value must not compile anew") from error


def _another(domain: configs.Domain, value: Any) -> Any:
    """Return another value of a domain."""
    if domain.choices:
        return next(choice for choice in domain.choices if choice != value)
    if isinstance(value, bool):
        return not value
    return max(value // 2, 1) if isinstance(value, int) else value / 2


def _assert_close(x: Any, y: Any, message: str) -> None:
    if not np.allclose(x, y, rtol=1e-4, atol=1e-5):
        raise AssertionError(message)
