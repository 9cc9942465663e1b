"""LunarLander: land a rocket between two flags. Rules are those of gymnasium's LunarLander-v3, the physics are our own.

The lander is a hull on two legs, which motors spread as far as they go. The main engine pushes it up, two at the sides push
and turn it; where exactly a shot leaves its engine is random. Wind pushes and turns the hull while no leg stands.

    observation   x, y, velocity, angle, spin, and for each leg whether it stands; scaled as gymnasium's
    actions       nothing, left engine, main engine, right engine; or real-valued: main and side
    reward        what is gained in -100 distance - 100 speed - 100 |angle| + 10 per leg that stands, less fuel;
                  -100 at a crash or beyond the edges, 100 at rest, both of which end the episode
"""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from envs.base import Transition
from envs.planar import contacts, ground, pictures, solver
from envs.planar.solver import Contacts, Impulses, Joint, Motion, Motors, Push

SECONDS = 0.02
SCALE = 30.0  # pixels of gymnasium's picture in a metre; its shapes are given in pixels
WIDTH, HEIGHT = 600 / SCALE, 400 / SCALE
NUM_VERTICES = 11
SPACING = WIDTH / (NUM_VERTICES - 1)
PAD = HEIGHT / 4
FRICTION = math.sqrt(0.2 * 0.1)

HULL = ground.polygon(np.array([[-17, 0], [-17, -10], [17, -10], [17, 0], [14, 17], [-14, 17]]) / SCALE)
LEG = ground.box(2 / SCALE, 8 / SCALE)
SIDES = np.array([-1, 1])  # of the legs: the signs of their places and angles
LEG_TORQUE, LEG_SPEED = 40.0, 0.3
RANGES = {"gravity": (-12.0, 0.0), "wind_power": (0.0, 20.0), "turbulence_power": (0.0, 2.0)}  # as gymnasium's
LEG_ANGLE = 0.492  # of a leg after gymnasium's reset, in which Box2D moves legs from beside the hull to their joints
LEG_DOWN = 18 / SCALE
MAIN_ENGINE, SIDE_ENGINE, SIDE_ENGINE_UP = 4 / SCALE, 12 / SCALE, (17 / SCALE, 14 / SCALE)


def _joint(side: int) -> Joint:
    limits = sorted((-0.35 * side, -0.85 * side))
    return Joint(0, (-HULL.center[0], -HULL.center[1]), (side * 20 / SCALE, LEG_DOWN), *limits)


TREE = solver.make_tree(
    [5.0 * HULL.area, LEG.area, LEG.area],
    [5.0 * HULL.inertia, LEG.inertia, LEG.inertia],
    [_joint(side) for side in (-1, 1)],
)
HULL_ORIGIN = TREE.point(0, -HULL.center)  # what gymnasium observes; its shapes are drawn around it
HULL_CORNERS = np.stack([TREE.point(0, corner) for corner in HULL.corners])
FEET = np.stack([TREE.point(leg, corner) for leg in (1, 2) for corner in LEG.corners[:2]])
CONTACT_BODIES = (1, 1, 2, 2, 1, 2)  # of the feet, then of the vertices of the ground that are nearest to the legs
OF_LEGS = np.array([[0, 1, 4], [2, 3, 5]])


@struct.dataclass
class LanderParams:
    """What may vary. `wind_power` 15 and `turbulence_power` 1.5 are the defaults of gymnasium's `enable_wind`.

    `gravity` in m/s^2, wind in N and N m, engines in N s per metre of a shot, `initial_force` in N during the first step.
    """

    gravity: float = -10.0
    wind_power: float = 0.0
    turbulence_power: float = 0.0
    main_engine_power: float = 13.0
    side_engine_power: float = 0.6
    initial_force: float = 1000.0


class LanderState(NamedTuple):
    """The bodies, the ground, and what the rules remember.

    Attributes:
        lines: of the ground that each leg touches, by its contacts.
        shaping: what the reward of a step is the gain of.
        still: steps since the lander last moved.
        wind: clocks of wind and turbulence.
    """

    motion: Motion
    impulses: Impulses
    heights: Float[Array, " vertex"]
    lines: Int[Array, "leg contact"]
    standing: Bool[Array, " leg"]
    shaping: Float[Array, ""]
    still: Int[Array, ""]
    wind: Float[Array, "2"]
    time: Int[Array, ""]


@dataclasses.dataclass(frozen=True, eq=False)
class LunarLander:
    """The environment in the form of `envs.base.Env`, with discrete or with real-valued actions."""

    continuous: bool = False
    episode_limit: int = 1000
    params: LanderParams = dataclasses.field(default_factory=LanderParams)
    return_range: tuple[float, float] = (-5000.0, 300.0)
    dear_reset: bool = True

    @property
    def param_ranges(self) -> dict[str, tuple[float, float]]:
        """Bounds of gravity and wind; engines and the initial force have none."""
        return RANGES

    @property
    def num_actions(self) -> int | None:
        """Four, or None if actions are real-valued."""
        return None if self.continuous else 4

    @property
    def action_low(self) -> np.ndarray | None:
        """The main engine off, the left one at full power."""
        return -np.ones(2, np.float32) if self.continuous else None

    @property
    def action_high(self) -> np.ndarray | None:
        """The main and the right engine at full power."""
        return np.ones(2, np.float32) if self.continuous else None

    def reset(self, key: PRNGKeyArray, params: LanderParams) -> tuple[Float[Array, "8"], LanderState]:
        """Return the lander after a first step in which a random force pushes it, above random ground."""
        key_ground, key_force, key_wind = jax.random.split(key, 3)
        state = _first_state(_heights(key_ground), jax.random.randint(key_wind, (2,), -9999, 9999))
        force = params.initial_force * jax.random.uniform(key_force, (2,), minval=-1.0, maxval=1.0)
        state, _ = _moved(
            state, solver.pushed(solver.turned(TREE.arms[0], state.motion.angle), force * SECONDS), params
        )
        legs = state.motion.angle[0] - LEG_ANGLE * SIDES
        state = state._replace(motion=state.motion._replace(angle=state.motion.angle.at[1:].set(legs)))
        obs = _observed(state)
        return obs, state._replace(shaping=_shaping(obs))

    def step(self, key: PRNGKeyArray, state: LanderState, action: Array, params: LanderParams) -> Transition:
        """Return what an action leads to."""
        main, side, direction = self._powers(action)
        after, crashed = _moved(state, _engines(key, state.motion, main, side, direction, params), params)
        obs = _observed(after)
        shaping = _shaping(obs)
        lost, asleep = crashed | (jnp.abs(obs[0]) >= 1.0), after.still * SECONDS >= solver.SECONDS_TO_SLEEP
        reward = shaping - state.shaping - 0.3 * main - 0.03 * side
        reward = jnp.where(asleep, 100.0, jnp.where(lost, -100.0, reward))
        after = after._replace(shaping=shaping, time=state.time + 1)
        return Transition(obs, after, reward, lost | asleep, after.time >= self.episode_limit)

    def draw(self, state: LanderState, params: LanderParams) -> np.ndarray:
        """Return a picture of a state, as large as gymnasium's."""
        picture = pictures.landscape(jax.device_get(ground.joined(state.heights)), SPACING, (WIDTH, HEIGHT), SCALE)
        motion = jax.device_get(state.motion)
        for body, shape in enumerate((HULL, LEG, LEG)):
            pictures.fill(picture, solver.placed(TREE, motion, body, shape.corners), SCALE, pictures.BODY)
        for x in (WIDTH / 2 - SPACING, WIDTH / 2 + SPACING):
            pictures.fill(
                picture,
                np.array([[x, PAD], [x + 0.1, PAD], [x + 0.1, PAD + 1.6], [x, PAD + 1.6]]),
                SCALE,
                pictures.FLAG,
            )
        return picture

    def _powers(self, action: Array) -> tuple[Array, Array, Array]:
        """Return the power of the main engine, of a side's engine, and which: -1 is the left, 1 the right one."""
        if not self.continuous:
            return (action == 2) * 1.0, (action % 2) * 1.0, action - 2.0
        main, side = action[0], jnp.abs(action[1])
        return jnp.where(main > 0.0, 0.5 + 0.5 * main, 0.0), jnp.where(side > 0.5, side, 0.0), jnp.sign(action[1])


def _heights(key: PRNGKeyArray) -> Float[Array, " vertex"]:
    """Return random heights, smoothed, with a flat pad in the middle."""
    middle = NUM_VERTICES // 2
    heights = jax.random.uniform(key, (NUM_VERTICES + 1,), maxval=HEIGHT / 2).at[middle - 2 : middle + 3].set(PAD)
    return 0.33 * (jnp.roll(heights, 1) + heights + jnp.roll(heights, -1))[:NUM_VERTICES]


def _first_state(heights: Float[Array, " vertex"], wind: Int[Array, "2"]) -> LanderState:
    angle = jnp.concatenate([jnp.zeros(1), 0.05 * SIDES])
    center = jnp.array([WIDTH / 2, HEIGHT + HULL.center[1] * TREE.masses[0] / TREE.mass])
    return LanderState(
        motion=solver.at_rest(center, angle),
        impulses=solver.no_impulses(2, len(CONTACT_BODIES)),
        heights=heights,
        lines=jnp.full(OF_LEGS.shape, contacts.NO_LINE),
        standing=jnp.zeros(2, bool),
        shaping=jnp.zeros(()),
        still=jnp.zeros((), jnp.int32),
        wind=wind.astype(jnp.float32),
        time=jnp.zeros((), jnp.int32),
    )


def _engines(
    key: PRNGKeyArray, motion: Motion, main: Array, side: Array, direction: Array, params: LanderParams
) -> Push:
    """Return the impulses of the engines, at random places around their nozzles.

    As in gymnasium, the height of the side engines is measured along the hull, but on two scales: their torque depends on
    the angle of the hull.
    """
    along, across = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0) / SCALE
    sin, cos = jnp.sin(motion.angle[0]), jnp.cos(motion.angle[0])
    down, left = jnp.stack([sin, -cos]), jnp.stack([-cos, -sin])
    main_shot = down * (MAIN_ENGINE + 2 * along) + left * across
    side_shot = down * along + left * (3 * across + direction * SIDE_ENGINE)
    side_place = side_shot + jnp.stack([-sin * SIDE_ENGINE_UP[0], cos * SIDE_ENGINE_UP[1]])
    origin = solver.turned(HULL_ORIGIN, motion.angle)
    of_main = solver.pushed(origin.at[0].add(main_shot), -main_shot * params.main_engine_power * main)
    of_side = solver.pushed(origin.at[0].add(side_place), -side_shot * params.side_engine_power * side)
    return jax.tree.map(jnp.add, of_main, of_side)


def _moved(state: LanderState, push: Push, params: LanderParams) -> tuple[LanderState, Bool[Array, ""]]:
    """Return the state after a step of the physics, and whether the hull touched the ground."""
    wind, clocks = _wind(state, params)
    touches, lines = _touches(state.motion, state.heights)
    motion, impulses, touched = solver.step(
        TREE,
        state.motion,
        jax.tree.map(jnp.add, push, wind),
        Motors(jnp.asarray(LEG_SPEED * SIDES), jnp.full(2, LEG_TORQUE)),
        touches,
        CONTACT_BODIES,
        FRICTION,
        state.impulses,
        params.gravity,
        SECONDS,
    )
    lines = jnp.where(touched, lines, contacts.NO_LINE)[OF_LEGS]
    before, after = (_hull_gap(bodies, state.heights) for bodies in (state.motion, motion))
    moved = state._replace(
        motion=motion,
        impulses=impulses,
        lines=lines,
        standing=contacts.standing(state.standing, state.lines, lines),
        still=jnp.where(solver.is_still(TREE, motion), state.still + 1, 0),
        wind=clocks,
    )
    return moved, (before < solver.SKIN) | (after < solver.ARRIVAL)


def _wind(state: LanderState, params: LanderParams) -> tuple[Push, Float[Array, "2"]]:
    """Return the impulses of the wind on the hull, and its clocks after it."""
    blows = ~state.standing.any()
    strength = jnp.tanh(jnp.sin(0.02 * state.wind) + jnp.sin(0.01 * math.pi * state.wind)) * blows * SECONDS
    linear = jnp.stack([strength[0] * params.wind_power, 0.0])
    push = solver.pushed(solver.turned(TREE.arms[0], state.motion.angle), linear)
    return push._replace(angular=push.angular.at[0].add(strength[1] * params.turbulence_power)), state.wind + blows


def _touches(motion: Motion, heights: Float[Array, " vertex"]) -> tuple[Contacts, Int[Array, " contact"]]:
    """Return where legs may touch the ground, and which of its lines."""
    return contacts.candidates(TREE, motion, ground.joined(heights), SPACING, FEET, ((1, LEG), (2, LEG)))


def _hull_gap(motion: Motion, heights: Float[Array, " vertex"]) -> Float[Array, ""]:
    hull, _ = contacts.candidates(TREE, motion, ground.joined(heights), SPACING, HULL_CORNERS, ((0, HULL),))
    return hull.gap.min()


def _observed(state: LanderState) -> Float[Array, "8"]:
    motion = state.motion
    x, y = motion.center + solver.turned(HULL_ORIGIN, motion.angle).sum(0)
    velocity = solver.velocities(solver.turned(TREE.arms[0], motion.spun_angle), motion)
    place = jnp.stack([(x - WIDTH / 2) / (WIDTH / 2), (y - PAD - LEG_DOWN) / (HEIGHT / 2)])
    speed = velocity * SECONDS * np.array([WIDTH / 2, HEIGHT / 2])
    turn = jnp.stack([motion.angle[0], 20.0 * SECONDS * motion.spin[0]])
    return jnp.concatenate([place, speed, turn, state.standing])


def _shaping(obs: Float[Array, "8"]) -> Float[Array, ""]:
    distance, speed = jnp.sqrt(obs[0] ** 2 + obs[1] ** 2), jnp.sqrt(obs[2] ** 2 + obs[3] ** 2)
    return -100.0 * (distance + speed + jnp.abs(obs[4])) + 10.0 * (obs[6] + obs[7])
