"""Play agents that were trained on planar/LunarLander in it and in gymnasium's LunarLander-v3.

    .venv/bin/pip install 'gymnasium[box2d]'
    .venv/bin/arl train ppo/planar/LunarLander --seeds 4 --out results
    .venv/bin/python scripts/transfer_lander.py results/agents/train-ppo-planar-LunarLander-seeds=4/*.agent [--episodes 100]

A row per agent: mean and standard deviation of returns in both, and the share of those in gymnasium above 200. Both play
the most likely actions. Agents of the continuous lander work as well.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import jax
import numpy as np
from peers.run_arlbench import positive

from arl.training import saved_agents
from arl.training.saved_agents import SavedAgent
from hpo.cli.printing import print_table


def main() -> None:
    args = parse_args()
    print_table([row(path, args.episodes) for path in args.agents])


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", type=Path, nargs="+", help="files of agents")
    parser.add_argument("--episodes", type=positive, default=100, help="in each of the two")
    return parser.parse_args()


def row(path: Path, num_episodes: int) -> dict[str, Any]:
    """Return the returns of an agent here and in gymnasium."""
    agent = saved_agents.load(path)
    here, there = played(agent, num_episodes), played_in_gymnasium(agent, num_episodes)
    return {
        "agent": path.name,
        "here": f"{here.mean():.1f} ± {here.std():.1f}",
        "gymnasium": f"{there.mean():.1f} ± {there.std():.1f}",
        "gymnasium > 200": float(np.mean(there > 200.0)),
    }


def played(agent: SavedAgent, num_episodes: int) -> np.ndarray:
    """Return the returns of episodes in this project's environment."""
    env = agent.env

    def step(carry: Any, keys: jax.Array) -> tuple[Any, Any]:
        obs, state, over = carry
        after = jax.vmap(env.step_one)(keys, state, agent.act(obs))
        done = over | after.terminated | after.truncated
        return (after.obs, after.state, done), after.reward * ~over

    def play(key: jax.Array) -> jax.Array:
        key_start, key_steps = jax.random.split(key)
        start = env.reset(key_start, (num_episodes,))
        keys = jax.random.split(key_steps, (env.episode_limit, num_episodes))
        return jax.lax.scan(step, (*start, np.zeros(num_episodes, bool)), keys)[1].sum(0)

    return np.asarray(jax.jit(play)(jax.random.key(0)))


def played_in_gymnasium(agent: SavedAgent, num_episodes: int) -> np.ndarray:
    """Return the returns of as many episodes in gymnasium's, played side by side."""
    envs = [gymnasium.make("LunarLander-v3", continuous=not agent.env.discrete) for _ in range(num_episodes)]
    obs = np.stack([env.reset(seed=seed)[0] for seed, env in enumerate(envs)])
    act: Callable[[np.ndarray], jax.Array] = jax.jit(agent.act)
    returns, over = np.zeros(num_episodes), np.zeros(num_episodes, bool)
    while not over.all():
        actions = np.asarray(act(obs))
        for i in np.flatnonzero(~over):
            action = int(actions[i]) if agent.env.discrete else actions[i]
            obs[i], reward, terminated, truncated, _ = envs[i].step(action)
            returns[i] += reward
            over[i] = terminated or truncated
    return returns


if __name__ == "__main__":
    main()
