"""Atari games of the Arcade Learning Environment (ALE), stepped by the host within compiled programs.

A state is a value, as in any other environment: what ALE serialises of a game. Every step restores it, acts and saves, so
that a game is gone on with from any state, in any lane and process, and a step follows from the state, the action and the
key alone.

What agents see and do is as in Mnih et al. 2015 (doi:10.1038/nature14236), with the sticky actions of Machado et al. 2018
(arXiv:1709.06009):

- An action is held for `frameskip` frames. At each of them, the last action stays with `repeat_action_probability`.
- An observation is the maximum of the last two frames in grey, at 84 x 84; `envs.wrappers` stacks the last four.
- A game begins with 1 to `noop_max` frames without an action. With `fire_reset`, FIRE is pressed then and after a lost life,
  where the game has that button: some wait for it.
- With `episodic_life`, an episode ends with a life, and the next one goes on in the same game. Agents are scored over whole
  games, with all their rewards.
"""

import dataclasses
import math
import threading
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

from arl.errors import InputError, unknown
from envs import host
from envs.base import Obs, Transition
from envs.registry import checked_limit, checked_setting

SIZE = 84
VERSION = "-v5"

# Games of which ALE leaves out a part when it saves them, so that steps depend on what its emulator did before.
UNSAVED = ("klax", "tic_tac_toe_3d", "trondead")

_NOOP, _FIRE = 0, 1


class AleParams(NamedTuple):
    """What may vary: the probability, at each frame, that the last action stays; whether an episode is one life."""

    repeat_action_probability: Any = 0.25
    episodic_life: Any = True


class AleState(NamedTuple):
    """A game as ALE serialises it, the action of the last frame, the env steps of the episode, and whether the game is over.

    `last_action` is no scalar: it can't be set like a clock.
    """

    saved: UInt8[Array, " byte"]
    last_action: Int[Array, "1"]
    time: Int[Array, ""]
    is_over: Bool[Array, ""]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is fixed, as the module says; `full_action_space`: all 18 actions, not only those that matter in the game."""

    frameskip: int = 4
    noop_max: int = 30
    fire_reset: bool = True
    full_action_space: bool = False


# `noop_max`: ALE does not save whether it has acted since a reset, which matters in a few games.
_BOUNDS: dict[str, tuple[type, float, float]] = {
    "repeat_action_probability": (float, 0.0, 1.0),
    "episodic_life": (bool, 0, 1),
    "frameskip": (int, 1, 1_000),
    "noop_max": (int, 1, 1_000),
    "fire_reset": (bool, 0, 1),
    "full_action_space": (bool, 0, 1),
}


@dataclasses.dataclass(frozen=True, eq=False)
class AleEnv:
    """A game of ALE in the form of `envs.base.Env`."""

    game: "Game"
    settings: Settings
    params: AleParams
    episode_limit: int
    num_actions: int
    action_low: None = None
    action_high: None = None
    return_range: None = None
    dear_reset: bool = True
    param_ranges = {"repeat_action_probability": (0.0, 1.0)}

    def reset(self, key: PRNGKeyArray, params: AleParams) -> tuple[Obs, AleState]:
        """Return a start state and what is observed there."""
        num_noops = jax.random.randint(key, (), 1, self.settings.noop_max + 1)
        screen, saved = host.call(self.game.reset, self.game.specs[:2], num_noops)
        is_over = jnp.zeros((), bool)
        return resized(screen), AleState(saved, jnp.zeros(1, jnp.int32), jnp.zeros((), jnp.int32), is_over)

    def step(self, key: PRNGKeyArray, state: AleState, action: Array, params: AleParams) -> Transition:
        """Return what an action leads to."""
        stays = jax.random.uniform(key, (self.settings.frameskip,)) < params.repeat_action_probability
        is_last = jnp.cumprod(stays).astype(bool)  # up to the first frame at which the new action takes hold
        actions = jnp.where(is_last, state.last_action, action.astype(jnp.int32))
        screen, saved, reward, lost_life, is_over = host.call(self.game.step, self.game.specs, state.saved, actions)
        ends_life = lost_life & params.episodic_life & ~is_over
        time = state.time + 1
        after = AleState(saved, actions[-1:], jnp.where(ends_life, 0, time), is_over)
        return Transition(resized(screen), after, reward, is_over | ends_life, time >= self.episode_limit)

    def goes_on(self, state: AleState) -> Bool[Array, ""]:
        """Return whether the next episode goes on from a state: a life is lost, the game is not over."""
        return ~state.is_over

    def scored_params(self, params: AleParams) -> AleParams:
        """Return the params that agents are scored with: over whole games."""
        return params._replace(episodic_life=False)

    def draw(self, state: AleState, params: AleParams) -> np.ndarray:
        """Return an RGB picture of a state, `(height, width, 3)` of uint8; black where the game is over."""
        return self.game.draw(np.asarray(state.saved))


class Step(NamedTuple):
    """What some frames lead to, or of what shapes and types; of a reset the first two."""

    screen: Any
    saved: Any
    reward: Any
    lost_life: Any
    is_over: Any


class Game:
    """A game in ALE's emulator.

    Args:
        path: where the ROM is.
        settings: those of the environment.
    """

    def __init__(self, path: str, settings: Settings):
        import ale_py

        self.ale_state = ale_py.ALEState
        self.lock = threading.Lock()
        self.ale = ale_py.ALEInterface()
        self.ale.setFloat("repeat_action_probability", 0.0)
        self.ale.loadROM(path)
        actions = self.ale.getLegalActionSet() if settings.full_action_space else self.ale.getMinimalActionSet()
        self.actions = [int(action.value) for action in actions]
        self.presses_fire = settings.fire_reset and _FIRE in self.actions
        self.start = self._saved()
        flag = jax.ShapeDtypeStruct((), jnp.bool_)
        self.specs = Step(
            screen=jax.ShapeDtypeStruct(self.ale.getScreenDims(), jnp.uint8),
            saved=jax.ShapeDtypeStruct(self.start.shape, jnp.uint8),
            reward=jax.ShapeDtypeStruct((), jnp.float32),
            lost_life=flag,
            is_over=flag,
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> "Game":
        """Return itself: what the emulator does next follows from the state that is restored."""
        return self

    def reset(self, num_noops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the screen and the saved game after so many frames without an action."""
        with self.lock:
            self.ale.reset_game()
            self._restore(self.start)  # a reset draws random numbers
            for _ in range(num_noops):
                self.ale.act(_NOOP)
            if self.presses_fire:
                self.ale.act(_FIRE)
            return self.ale.getScreenGrayscale(), self._saved()

    def step(self, saved: np.ndarray, actions: np.ndarray) -> Step:
        """Return what an action for each frame leads to; nothing where the game is over."""
        with self.lock:
            self._restore(saved)
            if self.ale.game_over():
                return Step(np.zeros(self.specs.screen.shape), saved, 0.0, lost_life=False, is_over=True)
            lives = self.ale.lives()
            reward, screens = self._held(actions)
            lost_life = 0 < self.ale.lives() < lives  # without any, some games go on for a few frames
            if lost_life and self.presses_fire:
                self.ale.act(_FIRE)
            return Step(np.maximum.reduce(screens), self._saved(), reward, lost_life, self.ale.game_over())

    def draw(self, saved: np.ndarray) -> np.ndarray:
        """Return the RGB picture of the next frame, as ALE saves none; black where the game is over."""
        with self.lock:
            self._restore(saved)
            if self.ale.game_over():
                return np.zeros((*self.specs.screen.shape, 3), np.uint8)
            self.ale.act(_NOOP)
            return self.ale.getScreenRGB()

    def _held(self, actions: np.ndarray) -> tuple[float, list[np.ndarray]]:
        """Act at each frame until the game is over; return the sum of rewards and the last two screens."""
        reward, screens = 0.0, list[np.ndarray]()
        for i, action in enumerate(actions, 1):
            reward += self.ale.act(self.actions[action])
            is_last = self.ale.game_over() or i == len(actions)
            if is_last or i == len(actions) - 1:
                screens.append(self.ale.getScreenGrayscale())
            if is_last:
                break
        return reward, screens

    def _saved(self) -> np.ndarray:
        return np.frombuffer(self.ale.cloneState().serialize(), np.uint8)

    def _restore(self, saved: np.ndarray) -> None:
        self.ale.restoreState(self.ale_state(saved.tobytes()))


def make(name: str, episode_limit: int = 27_000, **arguments: Any) -> AleEnv:
    """Return the game of that name, `Pong-v5`; arguments are fields of `Settings` and `AleParams`.

    Raises:
        InputError: no such game or argument, a value out of its range, or a game that ALE does not save as a whole.
    """
    import ale_py
    from ale_py import roms

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    paths = {_name(rom): str(roms.get_rom_path(rom)) for rom in roms.get_all_rom_ids()}
    games = {name: path for name, path in paths.items() if ale_py.ALEInterface.isSupportedROM(path)}
    if name not in games:
        raise unknown("game of ALE", name, games)
    where = f"ALE/{name}"
    if name in map(_name, UNSAVED):
        raise InputError(f"environment {where!r} must be a game that ALE saves as a whole, which it does not")
    for argument, value in arguments.items():
        if argument not in _BOUNDS:
            raise unknown("argument", argument, ["episode_limit", *_BOUNDS], f"of environment {where!r}")
        arguments[argument] = checked_setting(where, argument, value, *_BOUNDS[argument])
    params = {field: arguments.pop(field) for field in AleParams._fields if field in arguments}
    settings = Settings(**arguments)
    game = Game(games[name], settings)
    return AleEnv(game, settings, AleParams(**params), checked_limit(where, episode_limit), len(game.actions))


def resized(screen: UInt8[Array, "height width"]) -> UInt8[Array, "84 84 1"]:
    """Return a screen at 84 x 84: means over the areas of its pixels, rounded.

    Sums are of whole numbers, so that they are exact and the same on every device.
    """
    rows, columns = (area_weights(size, SIZE) for size in screen.shape)
    sums = jnp.matmul(jnp.matmul(rows, screen.astype(jnp.float32), precision="highest"), columns.T, precision="highest")
    means = jnp.round(sums / float(rows[0].sum() * columns[0].sum()))
    return means.astype(jnp.uint8)[..., None]


def area_weights(size: int, new_size: int) -> Float[np.ndarray, "new old"]:
    """Return by how much each of `size` pixels counts in each of `new_size`: whole numbers, of the same sum in each."""
    unit = math.gcd(size, new_size)
    old, new = np.arange(size + 1) * new_size, np.arange(new_size + 1) * size
    overlap = np.minimum(new[1:, None], old[None, 1:]) - np.maximum(new[:-1, None], old[None, :-1])
    return (np.maximum(overlap, 0) / unit).astype(np.float32)


def _name(rom: str) -> str:
    """Return the name of a game by that of its ROM: `MsPacman-v5` for `ms_pacman`."""
    return rom.title().replace("_", "") + VERSION
