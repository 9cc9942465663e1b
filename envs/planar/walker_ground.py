"""The ground of BipedalWalker, vertex after vertex: grass; in the hardcore form a stump, a pit or stairs after it, and again.

On grass heights are a random walk whose speed is damped and pulled towards the level of the start. An obstacle begins at a
vertex and lasts for a number of them:

    stump    a box of one or two lines, as high as it is wide
    pit      walls four lines deep, two or three lines apart
    stairs   three or four steps, up or down, four lines wide each and one high

A box lies over the lines beneath it, so that the ground is where the higher one is. As in gymnasium, lines rise beneath
stairs that lead up, and stick out of them: those are ramps with small steps.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from envs.planar.ground import Ground

NUM_VERTICES = 200
START_VERTICES = 20  # flat, at the start
SPACING = 14 / 30
LEVEL = 400 / 30 / 4
ROUGHNESS = 1 / 30  # of the steps of the random walk
GRASS, STUMP, PIT, STAIRS = range(4)
STAIR_LINES = 4
PIT_DEPTH = 4 * SPACING
NO_BOX = -1e3


class Draws(NamedTuple):
    """Random numbers for a vertex: a step of the walk, and what begins at it if anything does."""

    step: Float[Array, ""]
    grass: Int[Array, ""]
    obstacle: Int[Array, ""]
    longer: Int[Array, ""]
    upwards: Bool[Array, ""]


class Walk(NamedTuple):
    """Where the ground has got to.

    Attributes:
        speed: of the random walk.
        kind, begins: of what is at this vertex, and whether it begins here.
        remaining: vertices that it lasts for, this one included.
        base: the height where it began, `passed` vertices ago.
        size: the lines of a stump; 1 for stairs up, -1 for stairs down.
    """

    height: Float[Array, ""]
    speed: Float[Array, ""]
    kind: Int[Array, ""]
    begins: Bool[Array, ""]
    remaining: Int[Array, ""]
    base: Float[Array, ""]
    passed: Int[Array, ""]
    size: Int[Array, ""]


def random_ground(key: PRNGKeyArray, hardcore: bool) -> Ground:
    """Return random ground, flat at its start."""
    start = Walk(
        height=jnp.float32(LEVEL),
        speed=jnp.float32(0.0),
        kind=jnp.int32(GRASS),
        begins=jnp.array(False),
        remaining=jnp.int32(START_VERTICES),
        base=jnp.float32(LEVEL),
        passed=jnp.int32(0),
        size=jnp.int32(0),
    )
    steps = jnp.arange(NUM_VERTICES), _draws(key)
    _, (heights, boxes) = jax.lax.scan(lambda walk, x: _next(walk, *x, hardcore), start, steps)
    return Ground(jnp.maximum(heights[:-1], boxes[:-1]), jnp.maximum(heights[1:], boxes[:-1]))


def _draws(key: PRNGKeyArray) -> Draws:
    keys = iter(jax.random.split(key, len(Draws._fields)))
    shape = (NUM_VERTICES,)
    return Draws(
        step=jax.random.uniform(next(keys), shape, minval=-1.0, maxval=1.0),
        grass=jax.random.randint(next(keys), shape, 5, 10),
        obstacle=jax.random.randint(next(keys), shape, STUMP, STAIRS + 1),
        longer=jax.random.randint(next(keys), shape, 0, 2),
        upwards=jax.random.bernoulli(next(keys), shape=shape),
    )


def _next(walk: Walk, index: Int[Array, ""], draws: Draws, hardcore: bool) -> tuple[Walk, tuple[Array, Array]]:
    """Return the next vertex, the height of this one, and that of a box over the line that begins at it."""
    walk = jax.tree.map(lambda *x: jnp.where(walk.begins, *x), _begun(walk, draws), walk)
    walks = (walk.kind == GRASS) & ~walk.begins
    drawn = jnp.where(index > START_VERTICES, ROUGHNESS * draws.step, 0.0)
    speed = jnp.where(walks, 0.8 * walk.speed + 0.01 * jnp.sign(LEVEL - walk.height) + drawn, walk.speed)
    height = jnp.where(walk.begins, walk.height, _height(walk, speed))
    ends = walk.remaining == 1
    following = jnp.where(hardcore & (walk.kind == GRASS), draws.obstacle, GRASS)
    after = walk._replace(
        height=height,
        speed=speed,
        kind=jnp.where(ends, following, walk.kind),
        begins=ends,
        remaining=walk.remaining - 1,
        passed=walk.passed + 1,
    )
    return after, (height, _box(walk))


def _begun(walk: Walk, draws: Draws) -> Walk:
    lasts = (draws.grass, 1 + draws.longer, 5 + draws.longer, STAIR_LINES * (3 + draws.longer))
    return walk._replace(
        remaining=jnp.stack(lasts)[walk.kind],
        base=walk.height,
        passed=jnp.zeros_like(walk.passed),
        size=jnp.where(walk.kind == STUMP, 1 + draws.longer, jnp.where(draws.upwards, 1, -1)),
    )


def _height(walk: Walk, speed: Float[Array, ""]) -> Float[Array, ""]:
    """Return the height of a vertex at which nothing begins."""
    pit = jnp.where(walk.remaining > 1, walk.base - PIT_DEPTH, walk.base)
    stairs = walk.base + (walk.passed * walk.size - 1) * (SPACING / STAIR_LINES)
    return jnp.stack([walk.height + speed, walk.base, pit, stairs])[walk.kind]


def _box(walk: Walk) -> Float[Array, ""]:
    """Return the height of a box over the line that begins at a vertex."""
    stump = walk.base + walk.size * SPACING
    pit = jnp.where(walk.begins | (walk.remaining == 2), walk.base, NO_BOX)
    stairs = walk.base + walk.passed // STAIR_LINES * walk.size * SPACING
    return jnp.stack([jnp.float32(NO_BOX), stump, pit, stairs])[walk.kind]
