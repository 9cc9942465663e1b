"""Where the bodies of a tree touch the ground, by points of theirs and by vertices of the ground."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from envs.planar import ground, solver
from envs.planar.ground import Ground, Polygon, Touch
from envs.planar.solver import Contacts, Motion, Tree

NO_LINE = -1


def candidates(
    tree: Tree,
    motion: Motion,
    land: Ground,
    spacing: float,
    points: np.ndarray,
    shapes: Sequence[tuple[int, Polygon]],
    touch: Callable[[Ground, float, Array], Touch] = ground.under_points,
    neighbours: Sequence[int] = (0,),
) -> tuple[Contacts, Int[Array, " contact"]]:
    """Return where bodies may touch the ground, at points and then at a vertex for each shape, and which of its lines.

    Args:
        points: `(point, body, 2)`, constants of `Tree.point`.
        shapes: bodies with their shapes.
        touch: how points touch the ground.
        neighbours: the vertices that are looked at for a shape.
    """
    arms = solver.turned(points, motion.angle)
    all_arms, touches = [arms], [touch(land, spacing, motion.center + arms.sum(-2))]
    for body, shape in shapes:
        center_arms = solver.turned(tree.arms[body], motion.angle)
        center = motion.center + center_arms.sum(0)
        at_vertex, vertex = ground.against_vertex(land, spacing, shape, center, motion.angle[body], neighbours)
        all_arms.append(center_arms.at[body].add(vertex - center)[None])
        touches.append(jax.tree.map(lambda x: x[None], at_vertex))
    joined = jax.tree.map(lambda *x: jnp.concatenate(x), *touches)
    return Contacts(jnp.concatenate(all_arms), joined.normal, joined.gap), joined.line


def standing(
    before: Bool[Array, " leg"], lines_before: Int[Array, "leg contact"], lines: Int[Array, "leg contact"]
) -> Bool[Array, " leg"]:
    """Return whether legs are said to stand: from when a leg comes upon a line of the ground until it leaves one.

    As in gymnasium, a leg that slides from one line to the next is not said to stand any more, though it does.
    """
    begun = ((lines != NO_LINE) & ~_among(lines, lines_before)).any(-1)
    ended = ((lines_before != NO_LINE) & ~_among(lines_before, lines)).any(-1)
    return (before | begun) & ~ended


def _among(lines: Int[Array, "leg contact"], others: Int[Array, "leg contact"]) -> Bool[Array, "leg contact"]:
    return (lines[:, :, None] == others[:, None]).any(-1)
