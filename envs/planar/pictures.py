"""Pictures of planar worlds: convex shapes filled with a colour, the origin at the bottom left."""

import numpy as np

from envs.planar.ground import Ground

SKY, EARTH, BODY, FAR_BODY, FLAG = (225, 232, 255), (70, 90, 70), (110, 85, 200), (160, 145, 225), (220, 170, 0)


def landscape(ground: Ground, spacing: float, size: tuple[float, float], scale: float, left: float = 0.0) -> np.ndarray:
    """Return a picture `(height, width, 3)` of the ground and the sky.

    Args:
        spacing: length of the ground's lines, in metres.
        size: width and height of what is seen, in metres.
        scale: pixels per metre.
        left: x of the left edge.
    """
    width, height = (round(length * scale) for length in size)
    x, y = left + (np.arange(width) + 0.5) / scale, (height - 0.5 - np.arange(height)) / scale
    line = np.clip(np.floor(x / spacing).astype(int), 0, len(ground.left) - 1)
    tops = ground.left[line] + (ground.right - ground.left)[line] * (x / spacing - line)
    return np.where((y[:, None] < tops)[..., None], np.array(EARTH, np.uint8), np.array(SKY, np.uint8))


def fill(
    picture: np.ndarray, corners: np.ndarray, scale: float, color: tuple[int, int, int], left: float = 0.0
) -> None:
    """Fill a convex shape, its corners counter-clockwise in metres, with a colour."""
    height, width, _ = picture.shape
    x, y = left + (np.arange(width) + 0.5) / scale, (height - 0.5 - np.arange(height)) / scale
    inside = np.ones((height, width), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (y[:, None] - y0) >= (y1 - y0) * (x - x0)
    picture[inside] = color
