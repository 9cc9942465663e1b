"""One episode of a saved agent, step by step: to look at it, and to draw it."""

import dataclasses
import importlib.util
import itertools
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from arl import distribution, files
from arl.errors import InputError
from arl.training.saved_agents import SavedAgent
from envs.base import Transition

FRAMES_PER_SECOND = 30.0


@dataclasses.dataclass(frozen=True)
class Episode:
    """An episode.

    Attributes:
        observations, states: at its start and after each step.
        actions, rewards: of each step; actions in the env's own units.
        terminated: whether it came to its natural end instead of the time limit.
    """

    observations: list[Any]
    states: list[Any]
    actions: list[Any]
    rewards: Float[np.ndarray, " time"]
    terminated: bool

    @property
    def episode_return(self) -> float:
        """The sum of its rewards."""
        return float(np.sum(self.rewards, dtype=np.float64))


def play(agent: SavedAgent, seed: int = 0, explore: bool = False) -> Episode:
    """Return an episode that an agent plays.

    Args:
        agent: the agent.
        seed: for the start state, the env's chance and the agent's; any of them, it is no seed of a training.
        explore: whether it acts as in training instead of by its best actions.
    """
    env, key = agent.env.scored, jax.random.fold_in(jax.random.key(seed), 0)
    key_reset, key_steps = jax.random.split(key)

    @jax.jit
    def step(time: Any, obs: Any, state: Any) -> Any:
        key_action, key_step = jax.random.split(jax.random.fold_in(key_steps, time))
        action = agent.act(jax.tree.map(lambda x: x[None], obs), key_action if explore else None)[0]
        return action, env.step_one(key_step, state, action)

    obs, state = start = jax.device_get(jax.jit(env.reset_one)(key_reset))
    actions: list[Any] = []
    steps: list[Transition] = []
    while not (steps and steps[-1].terminated | steps[-1].truncated) and len(steps) < env.episode_limit:
        action, after = jax.device_get(step(np.int32(len(steps)), obs, state))
        obs, state = after.obs, after.state
        actions.append(action)
        steps.append(after)
    observations, states = [start[0], *(s.obs for s in steps)], [start[1], *(s.state for s in steps)]
    rewards = np.array([s.reward for s in steps], np.float32)
    return Episode(observations, states, actions, rewards, bool(steps[-1].terminated))


def frames(agent: SavedAgent, episode: Episode) -> Iterator[np.ndarray]:
    """Return a picture of each state of an episode, `(height, width, 3)` of uint8.

    Raises:
        InputError: the environment can't be drawn.
    """
    env = agent.env.scored
    if not hasattr(env.env, "draw"):
        raise InputError(_no_picture(agent, env.env))
    return (np.asarray(env.env.draw(state, env.params)) for state in episode.states)


def _no_picture(agent: SavedAgent, env: Any) -> str:
    if hasattr(env, "page"):
        return f"environment {agent.env_name!r} is shown as a page: out must end in .html"
    return f"environment {agent.env_name!r} can't be drawn: it has no draw(state, params)"


def save(path: Path, agent: SavedAgent, episode: Episode, frames_per_second: float = FRAMES_PER_SECOND) -> Path:
    """Write an episode as a GIF or an MP4, or as an HTML page where the environment gives one.

    Raises:
        InputError: what `check_ending` refuses, or the environment can't be shown so.
    """
    check_ending(path)
    env = agent.env.scored
    if path.suffix in _VIDEOS:
        return files.write_bytes(path, _VIDEOS[path.suffix](frames(agent, episode), frames_per_second))
    if not hasattr(env.env, "page"):
        raise InputError(f"environment {agent.env_name!r} gives no page: out must end in .gif, got {str(path)!r}")
    return files.write_bytes(path, env.env.page(episode.states, env.params).encode())


def check_ending(path: Path) -> None:
    """Refuse a file that is no GIF, MP4 or page, and an MP4 where what writes it is missing.

    Raises:
        InputError: it ends otherwise, or the extra is not installed.
    """
    if path.suffix not in (*_VIDEOS, ".html"):
        raise InputError(f"out must end in .gif, .mp4 or .html, got {str(path)!r}")
    if path.suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise InputError(f"out {str(path)!r} needs the package 'imageio-ffmpeg': {distribution.install('video')}")


def _gif(pictures: Iterator[np.ndarray], frames_per_second: float) -> bytes:
    import io

    from PIL import Image

    first, *others = (Image.fromarray(picture) for picture in pictures)
    data = io.BytesIO()
    duration = round(1000 / frames_per_second)  # ms
    first.save(data, "GIF", save_all=True, append_images=others, duration=duration, loop=0)
    return data.getvalue()


def _mp4(pictures: Iterator[np.ndarray], frames_per_second: float) -> bytes:
    """Return a video of an even width and height.

    ffmpeg is started here: imageio-ffmpeg would fork this process, against which JAX warns.
    """
    import imageio_ffmpeg

    first = next(pictures)
    height, width, _ = first.shape
    read = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {frames_per_second} -i".split()
    write = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-loglevel", "error"]
    with tempfile.TemporaryDirectory() as folder:
        raw, video = Path(folder, "run.rgb"), Path(folder, "run.mp4")
        with raw.open("wb") as file:
            file.writelines(picture.tobytes() for picture in itertools.chain([first], pictures))
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *read, raw, *write, video], check=True)
        return video.read_bytes()


_VIDEOS = {".gif": _gif, ".mp4": _mp4}
