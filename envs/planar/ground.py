"""The ground: heights at equal distances, joined by straight lines; and where points and shapes touch it.

A corner of a shape touches the line beneath it. A peak of the ground can also poke into the side of a shape, between its
corners: the vertex of the ground that is nearest below its centre is looked at.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

FAR = 1e3


class Touch(NamedTuple):
    """The normal out of the ground, the distance from it, negative inside, and which of the ground's lines it is."""

    normal: Float[Array, "*points 2"]
    gap: Float[Array, "*points"]
    line: Int[Array, "*points"]


def under_points(heights: Float[Array, " vertex"], spacing: float, points: Float[Array, "*points 2"]) -> Touch:
    """Return how points touch the ground beneath them; beyond its ends there is none."""
    last = heights.shape[0] - 2
    line = jnp.clip(jnp.floor(points[..., 0] / spacing), 0, last).astype(jnp.int32)
    left, right = heights[line], heights[line + 1]
    slope = (right - left) / spacing
    up = 1.0 / jnp.sqrt(1.0 + slope**2)
    above = points[..., 1] - left - slope * (points[..., 0] - line * spacing)
    outside = (points[..., 0] < 0.0) | (points[..., 0] > (last + 1) * spacing)
    return Touch(jnp.stack([-slope * up, up], axis=-1), jnp.where(outside, FAR, above * up), line)


def against_vertex(
    heights: Float[Array, " vertex"],
    spacing: float,
    polygon: "Polygon",
    center: Float[Array, "2"],
    angle: Float[Array, ""],
) -> tuple[Touch, Float[Array, "2"]]:
    """Return how a convex shape touches the nearest vertex of the ground, by its nearest side, and where the vertex is."""
    index = jnp.clip(jnp.round(center[0] / spacing), 0, heights.shape[0] - 1).astype(jnp.int32)
    vertex = jnp.stack([index * spacing, heights[index]])
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = vertex - center
    local = jnp.stack([cos * x + sin * y, cos * y - sin * x])
    distances = (polygon.normals * local).sum(-1) - polygon.offsets
    nearest = distances == distances.max()
    side = jnp.where(nearest[:, None], polygon.normals, 0.0).sum(0) / nearest.sum()
    normal = -jnp.stack([cos * side[0] - sin * side[1], sin * side[0] + cos * side[1]])
    return Touch(normal, distances.max(), index), vertex


class Polygon(NamedTuple):
    """A convex shape of uniform density.

    Attributes:
        corners: counter-clockwise, from the centre of mass.
        normals, offsets: of its sides, outwards, and their distances from the centre.
        area: in m^2; `inertia` of 1 kg/m^2 around the centre, in m^4.
        center: the centre of mass, from where the corners were given.
    """

    corners: np.ndarray
    normals: np.ndarray
    offsets: np.ndarray
    area: float
    inertia: float
    center: np.ndarray


def polygon(corners: np.ndarray) -> Polygon:
    """Return the shape with these corners, counter-clockwise."""
    following = np.roll(corners, -1, axis=0)
    crosses = corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]
    area = crosses.sum() / 2
    center = ((corners + following) * crosses[:, None]).sum(0) / (6 * area)
    squares = (corners**2 + corners * following + following**2).sum(1)
    inertia = (crosses * squares).sum() / 12 - area * (center**2).sum()
    placed, sides = corners - center, following - corners
    normals = np.stack([sides[:, 1], -sides[:, 0]], axis=1) / np.linalg.norm(sides, axis=1, keepdims=True)
    return Polygon(placed, normals, (normals * placed).sum(1), float(area), float(inertia), center)


def box(half_width: float, half_height: float) -> Polygon:
    """Return a rectangle around its centre."""
    w, h = half_width, half_height
    return polygon(np.array([[-w, -h], [w, -h], [w, h], [-w, h]]))
