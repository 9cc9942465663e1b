"""Pictures of classic control and of MinAtar, drawn with pillow: RGB, `(height, width, 3)` of uint8."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Point = tuple[float, float]

WIDTH, HEIGHT = 480, 320
_BACKGROUND, _DARK, _LIGHT, _ACCENT = (255, 255, 255), (40, 44, 52), (150, 155, 165), (200, 80, 40)

# Of the channels of MinAtar, later ones over earlier ones; black where none is set.
_CHANNELS = (
    (90, 180, 220),
    (240, 200, 80),
    (120, 60, 140),
    (80, 190, 110),
    (220, 90, 80),
    (240, 150, 60),
    (230, 230, 230),
)
_CELL = 32  # pixels of a cell of MinAtar


class Canvas:
    """A white picture in the units of the world: x to the right, y upwards.

    Args:
        left, right: x at the edges.
        bottom: y at the lower edge; the scale is that of x.
    """

    def __init__(self, left: float, right: float, bottom: float):
        from PIL import Image, ImageDraw

        self.left, self.bottom, self.scale = left, bottom, WIDTH / (right - left)
        self.image = Image.new("RGB", (WIDTH, HEIGHT), _BACKGROUND)
        self.draw = ImageDraw.Draw(self.image)

    def line(self, points: Sequence[Point], width: float, colour: tuple[int, int, int] = _DARK) -> None:
        """Draw a line through some points; its width is in units of the world."""
        self.draw.line([self._pixel(p) for p in points], colour, max(int(width * self.scale), 1), joint="curve")

    def box(self, centre: Point, width: float, height: float, colour: tuple[int, int, int] = _DARK) -> None:
        """Draw a filled rectangle."""
        (x, y), half = centre, (width / 2, height / 2)
        self.draw.rectangle([self._pixel((x - half[0], y + half[1])), self._pixel((x + half[0], y - half[1]))], colour)

    def disc(self, centre: Point, radius: float, colour: tuple[int, int, int] = _ACCENT) -> None:
        """Draw a filled circle."""
        x, y = self._pixel(centre)
        r = radius * self.scale
        self.draw.ellipse([x - r, y - r, x + r, y + r], colour)

    def picture(self) -> np.ndarray:
        """Return the picture."""
        return np.asarray(self.image)

    def _pixel(self, point: Point) -> Point:
        return (point[0] - self.left) * self.scale, HEIGHT - (point[1] - self.bottom) * self.scale


def cartpole(state: Any, params: Any) -> np.ndarray:
    """Return the cart on its track, with its pole."""
    x, angle, length = float(state.x), float(state.theta), 2 * float(params.length)
    limit = float(params.x_threshold)
    canvas = Canvas(-limit, limit, -0.8)
    canvas.line([(-limit, 0.0), (limit, 0.0)], 0.02, _LIGHT)
    canvas.box((x, 0.0), 0.5, 0.3)
    canvas.line([(x, 0.15), (x + length * math.sin(angle), 0.15 + length * math.cos(angle))], 0.1, _ACCENT)
    return canvas.picture()


def pendulum(state: Any, params: Any) -> np.ndarray:
    """Return the pendulum; an angle of 0 is upright."""
    angle, length = float(state.theta), float(params.l)
    canvas = Canvas(-1.8 * length, 1.8 * length, -1.2 * length)
    canvas.line([(0.0, 0.0), (-length * math.sin(angle), length * math.cos(angle))], 0.15 * length, _ACCENT)
    canvas.disc((0.0, 0.0), 0.06 * length, _DARK)
    return canvas.picture()


def acrobot(state: Any, params: Any) -> np.ndarray:
    """Return both links, and the height that the tip must reach; angles of 0 hang down."""
    first, second = float(state.joint_angle1), float(state.joint_angle1 + state.joint_angle2)
    lengths = float(params.link_length_1), float(params.link_length_2)
    elbow = lengths[0] * math.sin(first), -lengths[0] * math.cos(first)
    tip = elbow[0] + lengths[1] * math.sin(second), elbow[1] - lengths[1] * math.cos(second)
    reach = 1.1 * sum(lengths)
    canvas = Canvas(-1.5 * reach, 1.5 * reach, -reach)
    canvas.line([(-1.5 * reach, lengths[0]), (1.5 * reach, lengths[0])], 0.02, _LIGHT)
    canvas.line([(0.0, 0.0), elbow, tip], 0.15, _ACCENT)
    canvas.disc((0.0, 0.0), 0.1, _DARK)
    canvas.disc(elbow, 0.1, _DARK)
    return canvas.picture()


def mountain_car(state: Any, params: Any) -> np.ndarray:
    """Return the car in its valley, and the flag at the goal."""

    def ground(x: float) -> Point:
        return x, 0.45 * math.sin(3 * x)

    low, high, goal = (float(x) for x in (params.min_position, params.max_position, params.goal_position))
    canvas = Canvas(low, high, -0.5)
    canvas.line([ground(low + (high - low) * i / 100) for i in range(101)], 0.01)
    canvas.line([ground(goal), (goal, ground(goal)[1] + 0.2)], 0.01, _LIGHT)
    canvas.disc((goal, ground(goal)[1] + 0.2), 0.03, _LIGHT)
    x, y = ground(float(state.position))
    canvas.disc((x, y + 0.05), 0.05)
    return canvas.picture()


# By the name of gymnax's class.
CLASSIC_CONTROL: dict[str, Callable[[Any, Any], np.ndarray]] = {
    "CartPole": cartpole,
    "Pendulum": pendulum,
    "Acrobot": acrobot,
    "MountainCar": mountain_car,
    "ContinuousMountainCar": mountain_car,
}


def minatar(image: Any) -> np.ndarray:
    """Return an image of MinAtar, `(height, width, channel)` of truth values, in colours."""
    image = np.asarray(image)
    picture = np.zeros((*image.shape[:2], 3), np.uint8)
    for channel, colour in zip(np.moveaxis(image, -1, 0), _CHANNELS, strict=False):
        picture[channel.astype(bool)] = colour
    return picture.repeat(_CELL, axis=0).repeat(_CELL, axis=1)
