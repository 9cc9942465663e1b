"""Environments of Gymnasium for tests, as a user writes them."""

from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces


class Walk(gymnasium.Env):
    """A slippery walk to the end of a corridor, which is worth 1.

    `fails_between`: steps of all instances together at which it raises.
    """

    return_range = (0.0, 1.0)
    num_steps: ClassVar[int] = 0

    def __init__(self, length=3, slip=0.1, fails_between=(0, 0)):
        self.observation_space = spaces.Discrete(length + 1)
        self.action_space = spaces.Discrete(2, start=5)
        self.length, self.slip, self.fails_between = length, slip, fails_between

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(2))
        return self.place, {}

    def step(self, action):
        assert action in (5, 6)
        type(self).num_steps += 1
        if self.fails_between[0] <= self.num_steps < self.fails_between[1]:
            raise ZeroDivisionError("the floor\nis gone")
        if self.np_random.random() >= self.slip:
            self.place = max(0, self.place + 2 * int(action) - 11)
        arrived = self.place >= self.length
        return self.place, float(arrived), arrived, False, {}


class Trapped(Walk):
    """Raises when the seed of an episode and its actions are `trap`; notes those of all episodes in `played`."""

    played: ClassVar[set] = set()
    trap: ClassVar[tuple] = ()

    def reset(self, seed=None, options=None):
        self.episode = (seed,)
        return super().reset(seed=seed)

    def step(self, action):
        self.episode += (int(action),)
        self.played.add(self.episode)
        if self.episode == self.trap:
            raise ZeroDivisionError("a trap")
        return super().step(action)


class Unseeded(Walk):
    """Slips by the global state of NumPy, whatever its seed."""

    def step(self, action):
        self.slip = np.random.random()  # noqa: NPY002
        return super().step(action)


class Parts(Walk):
    """Is observed as a dict, in types that JAX does not have."""

    def __init__(self):
        super().__init__(slip=0.0)
        self.observation_space = spaces.Dict(
            {"place": spaces.Box(0, 3, (1,), np.float64), "pixels": spaces.Box(0, 255, (2, 2), np.uint8)}
        )

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return self.observed(), {}

    def step(self, action):
        _, *others = super().step(action)
        return self.observed(), *others

    def observed(self):
        return {"place": np.array([self.place], np.float64), "pixels": np.full((2, 2), self.place, np.uint8)}


class Growing(Walk):
    """Breaks the contract: observations of another shape by its steps."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Box(0, 3, (1,), np.float32)

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        _, *others = super().step(action)
        return np.zeros(2, np.float32), *others


class Combined(Walk):
    """Has actions that no algorithm chooses."""

    def __init__(self):
        super().__init__()
        self.action_space = spaces.MultiDiscrete([2, 2])


class Told(Walk):
    """Is observed as a text, which has no fixed shape."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Sequence(spaces.Discrete(2))


class Drawn(Walk):
    """Draws how many steps it has made."""

    render_mode = "rgb_array"

    def reset(self, seed=None, options=None):
        self.time = 0
        return super().reset(seed=seed)

    def step(self, action):
        self.time += 1
        return super().step(action)

    def render(self):
        return np.full((2, 2, 3), self.time, np.uint8)
