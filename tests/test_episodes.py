"""One episode of a saved agent: what it returns, and its pictures."""

import importlib.util
import io
import json

import jax
import numpy as np
import pytest
from conftest import SMALL
from PIL import Image
from test_cli import arl

from arl import algorithms
from arl import config as configs
from arl.errors import InputError
from arl.training import episodes, saved_agents
from arl.training.saved_agents import SavedAgent
from envs import drawing, vector


def untrained(env_name, algorithm="ppo"):
    made, env = algorithms.get(algorithm), vector.make(env_name)
    config = configs.make(made.Config, SMALL[algorithm])
    return SavedAgent(algorithm, env_name, config, {}, 0, 0, made.init(jax.random.key(0), config, env))


def test_an_episode_is_the_steps_of_its_actions():
    agent = untrained("CartPole-v1")
    episode = episodes.play(agent, seed=3)
    assert episode.terminated
    assert episode.episode_return == len(episode.rewards) == len(episode.actions)
    assert len(episode.states) == len(episode.observations) == len(episode.actions) + 1
    for i, action in enumerate(episode.actions):
        np.testing.assert_array_equal(action, agent.act(episode.observations[i][None])[0])
        after = agent.env.step_one(jax.random.key(0), episode.states[i], action)
        np.testing.assert_allclose(after.obs, episode.observations[i + 1], rtol=1e-5, atol=1e-6)


def test_an_episode_ends_at_the_limit_and_depends_on_its_seed():
    agent = untrained("Pendulum-v1")
    first, again, other = (episodes.play(agent, seed=seed) for seed in (0, 0, 1))
    assert (len(first.rewards), first.terminated) == (200, False)
    assert first.episode_return == again.episode_return != other.episode_return


def test_exploring_takes_other_actions():
    agent = untrained("Pendulum-v1?time_limit=5")
    best, explored = (episodes.play(agent, explore=explore) for explore in (False, True))
    np.testing.assert_array_equal(best.observations[0], explored.observations[0])
    assert not np.array_equal(best.actions[0], explored.actions[0])


def test_returns_are_those_that_agents_are_scored_by():
    agent = untrained("Pendulum-v1?time_limit=5&reward_clip=0.001")
    assert episodes.play(agent).episode_return < -0.1


@pytest.mark.parametrize(
    "name",
    ["CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Breakout-MinAtar"],
)
def test_states_are_drawn(name):
    agent = untrained(f"{name}?time_limit=4")
    first, *others = episodes.frames(agent, episodes.play(agent))
    assert (first.dtype, first.shape) == (np.uint8, (320, 320, 3) if "MinAtar" in name else (320, 480, 3))
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 2
    assert any((first != other).any() for other in others)


def test_the_pole_is_drawn_where_it_is():
    env = vector.make("CartPole-v1")
    _, state = env.reset_one(jax.random.key(0))
    upright, right = (drawing.cartpole(state.replace(x=0.0, theta=angle), env.params) for angle in (0.0, np.pi / 2))
    is_pole = [np.argwhere((picture == (200, 80, 40)).all(axis=-1)) for picture in (upright, right)]
    assert abs(is_pole[0][:, 1].mean() - 240) < 1
    assert is_pole[0][:, 0].max() - is_pole[0][:, 0].min() > 90, "1 of 4.8 units on 480 pixels"
    assert is_pole[1][:, 1].min() > 230
    assert is_pole[1][:, 1].max() > 330


def test_a_picture_of_minatar_has_a_colour_per_channel():
    image = np.zeros((10, 10, 4), bool)
    image[2, 3, 0] = image[5, 5, 1] = image[5, 5, 3] = True
    picture = drawing.minatar(image)[::32, ::32]
    assert tuple(picture[2, 3]) == (90, 180, 220)
    assert tuple(picture[5, 5]) == (80, 190, 110), "later channels are above earlier ones"
    assert np.count_nonzero(picture.any(axis=-1)) == 2


def test_minigrid_is_drawn_by_its_library():
    pytest.importorskip("xminigrid")
    agent = untrained("MiniGrid-Empty-Random-5x5?time_limit=2")
    first = next(episodes.frames(agent, episodes.play(agent)))
    assert first.shape[-1] == 3


def test_an_env_of_gymnasium_that_renders_is_drawn():
    agent = untrained("gymnasium_envs:Drawn?episode_limit=4")
    pictures = list(episodes.frames(agent, episodes.play(agent)))
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 1, 2, 3, 4][: len(pictures)]


@pytest.mark.slow
def test_brax_is_shown_as_a_page(tmp_path):
    pytest.importorskip("brax")
    agent = untrained("brax/hopper?time_limit=3")
    episode = episodes.play(agent)
    assert "<html>" in episodes.save(tmp_path / "run.html", agent, episode).read_text()
    with pytest.raises(InputError, match=r"'brax/hopper.time_limit=3' is shown as a page: out must end in \.html"):
        episodes.save(tmp_path / "run.gif", agent, episode)


def test_what_can_not_be_drawn_is_refused_in_one_line(tmp_path):
    agent = untrained("ProbeChoice")
    episode = episodes.play(agent)
    with pytest.raises(InputError, match=r"environment 'ProbeChoice' can't be drawn: it has no draw\(state, params\)"):
        episodes.save(tmp_path / "run.gif", agent, episode)
    with pytest.raises(InputError, match=r"environment 'ProbeChoice' gives no page: out must end in \.gif"):
        episodes.save(tmp_path / "run.html", agent, episode)
    assert list(tmp_path.iterdir()) == []


def test_arl_play_writes_a_gif_and_says_what_the_episode_returned(tmp_path):
    saved_agents.save(tmp_path / "a.agent", untrained("CartPole-v1"))
    done = arl(tmp_path, "play", "a.agent", "-o", "new/run.gif", "--json")
    facts = json.loads(done.out)
    assert (facts["env"], facts["end"], facts["file"]) == ("CartPole-v1", "terminated", "new/run.gif")
    assert facts["return"] == facts["env_steps"]
    gif = Image.open(io.BytesIO((tmp_path / "new" / "run.gif").read_bytes()))
    assert gif.size == (480, 320)
    assert facts["env_steps"] // 2 < gif.n_frames <= facts["env_steps"] + 1, "pictures that are alike are one"
    assert arl(tmp_path, "play", "a.agent").out == (
        f"CartPole-v1: return {facts['return']:g}, {facts['env_steps']} env steps, terminated\n"
    )


@pytest.mark.filterwarnings("ignore:os.fork")  # by reading it
def test_a_video_has_the_pictures_of_the_episode(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    agent = untrained("Pendulum-v1?time_limit=20")
    episode = episodes.play(agent)
    path = episodes.save(tmp_path / "run.mp4", agent, episode, frames_per_second=10)
    facts, *pictures = imageio_ffmpeg.read_frames(str(path))
    assert (facts["size"], facts["fps"], len(pictures)) == ((480, 320), 10.0, 21)
    last = np.frombuffer(pictures[-1], np.uint8).reshape(320, 480, 3)
    assert np.abs(last - list(episodes.frames(agent, episode))[-1].astype(float)).mean() < 3, "but for compression"


def test_without_what_writes_videos_they_are_refused_before_the_episode_is_played(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs the package 'imageio-ffmpeg': pip install 'autorl-sweeps\[video\]'"):
        episodes.check_ending(tmp_path / "run.mp4")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nothing.agent"], "agent file 'nothing.agent' can't be read: FileNotFoundError"),
        (["nothing.agent", "-o", "run.avi"], "out must end in .gif, .mp4 or .html, got 'run.avi'"),
    ],
)
def test_bad_input_of_arl_play_is_one_line(tmp_path, words, error):
    done = arl(tmp_path, "play", *words)
    assert (done.status, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert error in done.err
    assert list(tmp_path.iterdir()) == []
