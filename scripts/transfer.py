"""Play agents of planar environments in them and in gymnasium's, wherever they were trained.

    .venv/bin/pip install 'gymnasium[box2d]'
    .venv/bin/arl train ppo/planar/LunarLander --seeds 4 --out results
    .venv/bin/python scripts/transfer.py planar/LunarLander results/agents/train-ppo-planar-LunarLander-seeds=4/*.agent

    .venv/bin/python scripts/compare_sb3.py --tasks dqn/planar/LunarLander --policies results/policies
    .venv/bin/python scripts/transfer.py planar/LunarLander results/policies/*.npz

The latter were trained in gymnasium's, by stable-baselines3. A row per agent: mean and standard deviation of returns in both,
and the share of episodes above 200. All play the most likely actions.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from peers.run_arlbench import positive

from arl.training import saved_agents
from envs import vector
from envs.vector import VectorEnv
from hpo.cli.printing import print_table

Policy: TypeAlias = Callable[[jax.Array], jax.Array]

GYMNASIUM: dict[str, tuple[str, dict[str, Any]]] = {
    "planar/LunarLander": ("LunarLander-v3", {}),
    "planar/LunarLanderContinuous": ("LunarLander-v3", {"continuous": True}),
    "planar/BipedalWalker": ("BipedalWalker-v3", {}),
    "planar/BipedalWalkerHardcore": ("BipedalWalkerHardcore-v3", {}),
}


def main() -> None:
    args = parse_args()
    print_table([row(args.env, path, args.episodes) for path in args.agents])


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env", choices=GYMNASIUM)
    parser.add_argument("agents", type=Path, nargs="+", help="files of agents, or of layers as run_sb3.py saves them")
    parser.add_argument("--episodes", type=positive, default=100, help="in each of the two")
    return parser.parse_args()


def row(env_name: str, path: Path, num_episodes: int) -> dict[str, Any]:
    """Return the returns of an agent here and in gymnasium."""
    env = vector.make(env_name)
    policy = policy_of_layers(path, env) if path.suffix == ".npz" else saved_agents.load(path).act
    returns = {
        "here": played(env, policy, num_episodes),
        "gymnasium": played_in_gymnasium(env_name, policy, num_episodes),
    }
    return {
        "agent": path.name,
        **{place: f"{of_place.mean():.1f} ± {of_place.std():.1f}" for place, of_place in returns.items()},
        **{f"{place} > 200": float(np.mean(of_place > 200.0)) for place, of_place in returns.items()},
    }


def policy_of_layers(path: Path, env: VectorEnv) -> Policy:
    """Return the most likely actions by layers of run_sb3.py; those of SAC are squashed."""
    with np.load(path) as file:
        arrays = dict(file)
    between = getattr(jax.nn, str(arrays.pop("activation")))
    squashed = jnp.tanh if path.name.startswith("sac-") else lambda x: jnp.clip(x, -1.0, 1.0)
    layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(len(arrays) // 2)]

    def act(obs: jax.Array) -> jax.Array:
        x = obs
        for weight, bias in layers[:-1]:
            x = between(x @ weight + bias)
        x = x @ layers[-1][0] + layers[-1][1]
        return x.argmax(-1) if env.discrete else squashed(x)

    return act


def played(env: VectorEnv, policy: Policy, num_episodes: int) -> np.ndarray:
    """Return the returns of episodes in this project's environment."""

    def step(carry: Any, keys: jax.Array) -> tuple[Any, Any]:
        obs, state, over = carry
        after = jax.vmap(env.step_one)(keys, state, policy(obs))
        done = over | after.terminated | after.truncated
        return (after.obs, after.state, done), after.reward * ~over

    def play(key: jax.Array) -> jax.Array:
        key_start, key_steps = jax.random.split(key)
        start = env.reset(key_start, (num_episodes,))
        keys = jax.random.split(key_steps, (env.episode_limit, num_episodes))
        return jax.lax.scan(step, (*start, np.zeros(num_episodes, bool)), keys)[1].sum(0)

    return np.asarray(jax.jit(play)(jax.random.key(0)))


def played_in_gymnasium(env_name: str, policy: Policy, num_episodes: int) -> np.ndarray:
    """Return the returns of as many episodes in gymnasium's, played side by side."""
    name, arguments = GYMNASIUM[env_name]
    envs = [gymnasium.make(name, **arguments) for _ in range(num_episodes)]
    obs = np.stack([env.reset(seed=seed)[0] for seed, env in enumerate(envs)])
    act = jax.jit(policy)
    returns, over = np.zeros(num_episodes), np.zeros(num_episodes, bool)
    while not over.all():
        actions = np.asarray(act(obs))
        for i in np.flatnonzero(~over):
            obs[i], reward, terminated, truncated, _ = envs[i].step(actions[i])
            returns[i] += reward
            over[i] = terminated or truncated
    return returns


if __name__ == "__main__":
    main()
