"""The ground: straight lines over equal distances, with walls where neighbours do not meet; and what touches it.

A corner of a shape touches the line beneath it or a wall beside it. A vertex of the ground can also poke into the side of a
shape, between its corners: of the vertices nearest below its centre the deepest one is looked at.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

FAR = 1e3


class Ground(NamedTuple):
    """The heights at the two ends of each line, the first of which begins at x = 0."""

    left: Float[Array, " line"]
    right: Float[Array, " line"]


def joined(heights: Float[Array, " vertex"]) -> Ground:
    """Return the ground whose lines meet at these heights."""
    return Ground(heights[:-1], heights[1:])


class Touch(NamedTuple):
    """The normal out of the ground, the distance from it, negative inside, and which of the ground's lines it is."""

    normal: Float[Array, "*points 2"]
    gap: Float[Array, "*points"]
    line: Int[Array, "*points"]


def under_points(ground: Ground, spacing: float, points: Float[Array, "*points 2"]) -> Touch:
    """Return how points touch the ground beneath them; beyond its ends there is none."""
    last = ground.left.shape[0] - 1
    line = jnp.clip(jnp.floor(points[..., 0] / spacing), 0, last).astype(jnp.int32)
    left, right = ground.left[line], ground.right[line]
    slope = (right - left) / spacing
    up = 1.0 / jnp.sqrt(1.0 + slope**2)
    above = points[..., 1] - left - slope * (points[..., 0] - line * spacing)
    outside = (points[..., 0] < 0.0) | (points[..., 0] > (last + 1) * spacing)
    return Touch(jnp.stack([-slope * up, up], axis=-1), jnp.where(outside, FAR, above * up), line)


def at_points(ground: Ground, spacing: float, points: Float[Array, "*points 2"]) -> Touch:
    """Return how points touch the line beneath them or the nearest wall: inside the ground what is nearer, else the other.

    The indices of walls follow those of lines.
    """
    floor = under_points(ground, spacing, points)
    last = ground.left.shape[0] - 1
    index = jnp.clip(jnp.round(points[..., 0] / spacing), 1, last).astype(jnp.int32)
    before, after = ground.right[index - 1], ground.left[index]
    outwards = jnp.sign(before - after)
    gap = outwards * (points[..., 0] - index * spacing)
    beside = (points[..., 1] < jnp.maximum(before, after)) & (before != after)
    is_wall = beside & jnp.where(gap < 0.0, gap > floor.gap, gap < floor.gap)
    normal = jnp.stack([outwards, jnp.zeros_like(outwards)], axis=-1)
    return Touch(
        jnp.where(is_wall[..., None], normal, floor.normal),
        jnp.where(is_wall, gap, floor.gap),
        jnp.where(is_wall, last + index, floor.line),
    )


def against_vertex(
    ground: Ground,
    spacing: float,
    polygon: "Polygon",
    center: Float[Array, "2"],
    angle: Float[Array, ""],
    neighbours: Sequence[int] = (0,),
) -> tuple[Touch, Float[Array, "2"]]:
    """Return how a convex shape touches a vertex of the ground, by its nearest side, and where the vertex is.

    Args:
        neighbours: the vertices that are looked at, from the nearest one on; of them the deepest counts.
    """
    last = ground.left.shape[0]
    index = jnp.clip(jnp.round(center[0] / spacing) + np.array(neighbours), 0, last).astype(jnp.int32)
    heights = jnp.maximum(ground.right[jnp.maximum(index - 1, 0)], ground.left[jnp.minimum(index, last - 1)])
    vertices = jnp.stack([index * spacing, heights], axis=-1)
    distances = _distances(polygon, vertices - center, angle)
    deepest = jnp.argmin(distances.max(-1))
    return _by_side(polygon, distances[deepest], angle, index[deepest]), vertices[deepest]


def _distances(
    polygon: "Polygon", points: Float[Array, "point 2"], angle: Float[Array, ""]
) -> Float[Array, "point side"]:
    """Return the distances of points, given from the centre of a turned polygon, from its sides."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = points[:, 0], points[:, 1]
    local = jnp.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)
    return (polygon.normals * local[:, None]).sum(-1) - polygon.offsets


def _by_side(
    polygon: "Polygon", distances: Float[Array, " side"], angle: Float[Array, ""], index: Int[Array, ""]
) -> Touch:
    """Return how a turned polygon touches a point, by the side that is nearest to it."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    nearest = distances == distances.max()
    side = jnp.where(nearest[:, None], polygon.normals, 0.0).sum(0) / nearest.sum()
    normal = -jnp.stack([cos * side[0] - sin * side[1], sin * side[0] + cos * side[1]])
    return Touch(normal, distances.max(), index)


def ray_fractions(
    ground: Ground, spacing: float, origin: Float[Array, "2"], rays: np.ndarray, num_lines: int
) -> Float[Array, " ray"]:
    """Return the share of each ray before it meets the ground, 1 if it does not.

    Args:
        origin: where the rays begin, above the ground.
        rays: `(ray, 2)`, to their ends, downwards and not to the left.
        num_lines: how many lines the rays may cross, from the one beneath the origin on.
    """
    num_lines = min(num_lines, ground.left.shape[0])
    first = jnp.clip(jnp.floor(origin[0] / spacing).astype(jnp.int32), 0, ground.left.shape[0] - num_lines)
    left, right = (jax.lax.dynamic_slice(heights, (first,), (num_lines,)) for heights in ground)
    starts = (first + jnp.arange(num_lines)) * spacing - origin[0]
    across, down = rays[:, :1], rays[:, 1:]
    slope = (right - left) / spacing
    at_line = (left - slope * starts - origin[1]) / (down - slope * across)
    on_line = (at_line * across >= starts) & (at_line * across <= starts + spacing)
    at_wall = starts[1:] / across
    height = origin[1] + at_wall * down
    on_wall = (height >= jnp.minimum(right[:-1], left[1:])) & (height <= jnp.maximum(right[:-1], left[1:]))
    meets = jnp.concatenate([jnp.where(on, at, 1.0) for on, at in ((on_line, at_line), (on_wall, at_wall))], axis=-1)
    return jnp.where(meets >= 0.0, meets, 1.0).min(-1, initial=1.0)


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
