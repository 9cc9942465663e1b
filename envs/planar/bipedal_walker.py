"""BipedalWalker: walk to the far end on two legs. Rules are those of gymnasium's BipedalWalker-v3, the physics are our own.

A hull stands on two legs with a hip and a knee each, which motors turn. The ground is uneven; in the hardcore form there are
stumps, pits and stairs on it, as lines that do not meet.

    observation   angle, spin and velocity of the hull; for each leg the angle and the speed of hip and knee, and whether
                  it stands; ten rays, down to ahead, by the share of their length that is free; scaled as gymnasium's
    actions       hip and knee of a leg, hip and knee of the other: direction of the motor, and the share of its torque
    reward        what is gained in 130 / 30 of the distance - 5 |angle|, less the torque that is used;
                  -100 where the hull touches the ground or is behind the start, which ends the episode, as the far end does
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
from envs.planar.ground import Ground
from envs.planar.solver import Impulses, Joint, Motion, Motors
from envs.planar.walker_ground import NUM_VERTICES, SPACING, random_ground

SECONDS = 0.02
SCALE = 30.0  # pixels of gymnasium's picture in a metre; its shapes are given in pixels
VIEW = 600 / SCALE, 400 / SCALE
END = (NUM_VERTICES - 10) * SPACING

HULL = ground.polygon(np.array([[-30, 9], [-30, -8], [34, -8], [34, 1], [6, 9]]) / SCALE)
UPPER, LOWER = ground.box(4 / SCALE, 17 / SCALE), ground.box(3.2 / SCALE, 17 / SCALE)
HIP = np.array([0, -8]) / SCALE
LEG_TOP, LEG_BOTTOM = (0.0, 17 / SCALE), (0.0, -17 / SCALE)
HIP_SPEED, KNEE_SPEED = 4.0, 6.0
COST = 0.00035  # of a N m of torque
RAY_LENGTH = 160 / SCALE
RAY_ANGLES = 0.15 * np.arange(10)
RAYS = RAY_LENGTH * np.stack([np.sin(RAY_ANGLES), -np.cos(RAY_ANGLES)], axis=1)
LINES_OF_RAYS = math.ceil(RAYS[:, 0].max() / SPACING) + 1
FRICTION_OF_LEGS = 0.2

HIPS = np.array([-0.05, 0.05])  # the angles of hips that are observed as 0


def _hip(zero: float) -> Joint:
    return Joint(0, tuple(HIP - HULL.center), LEG_TOP, zero - 0.8, zero + 1.1)


def _knee(upper: int) -> Joint:
    return Joint(upper, LEG_BOTTOM, LEG_TOP, -1.6, -0.1)


TREE = solver.make_tree(
    [5.0 * HULL.area, UPPER.area, LOWER.area, UPPER.area, LOWER.area],
    [5.0 * HULL.inertia, UPPER.inertia, LOWER.inertia, UPPER.inertia, LOWER.inertia],
    [_hip(HIPS[0]), _knee(1), _hip(HIPS[1]), _knee(3)],
)
SHAPES = (HULL, UPPER, LOWER, UPPER, LOWER)
HULL_ORIGIN = TREE.point(0, -HULL.center)  # where gymnasium measures the hull and its rays begin
HULL_CORNERS = np.stack([TREE.point(0, corner) for corner in HULL.corners])
LEGS = (2, 4, 1, 3)  # lower ones first
CORNERS = [(leg, corner) for leg in LEGS for corner in SHAPES[leg].corners[: 4 if leg in (2, 4) else 2]]
LEG_CORNERS = np.stack([TREE.point(*corner) for corner in CORNERS])
CONTACT_BODIES = (*(leg for leg, _ in CORNERS), *LEGS)
OF_LOWER = np.stack([np.flatnonzero(np.array(CONTACT_BODIES) == leg) for leg in (2, 4)])
BESIDE, BESIDE_HULL = (-1, 0, 1), (-2, -1, 0, 1, 2)  # vertices that legs and the hull may lie on

# Gymnasium's reset leaves legs on the ground that are too long for the height of the hull. Its first step finds the
# velocities as they stand, and then puts the legs to their joints: bent, or straight, which takes some four more steps, where
# a knee's speed would carry it beyond its limit. Measured in 3,000 first steps of random actions, by whether each knee goes
# beyond: the angles of a leg's upper and lower part, and of the other's, what the hull turns besides its spin, and where it
# is. Angles differ from reset to reset, as Box2D's joints have not converged yet: here they are drawn.
START = np.array([4.6636, 5.6843])  # of the hull
START_ANGLE = np.array([0.0028, 0.045, -0.095, 0.0853, -0.061])
LIFT = 0.201  # of the hull, by which the legs, as they stand, fit under it
KNEE_SPEED_BEYOND = np.array([2.8, 5.6])
FIRST_STEP = np.array(
    [
        [
            [0.392, -0.509, 0.393, -0.503, -0.008, 4.647, 5.723],
            [0.340, -0.440, 0.065, -0.050, 0.004, 4.655, 5.830],
        ],
        [
            [0.050, -0.200, 0.347, -0.484, 0.004, 4.663, 5.795],
            [0.015, -0.120, 0.000, -0.100, 0.014, 4.666, 5.860],
        ],
    ]
)
BENT_SPREAD, STRAIGHT_SPREAD = np.array([0.015, 0.015]), np.array([0.07, 0.15])  # of upper and lower leg


@struct.dataclass
class WalkerParams:
    """What may vary. `gravity` in m/s^2, `torque` of each motor in N m, speeds in rad/s, `initial_force` in N."""

    gravity: float = -10.0
    torque: float = 80.0
    hip_speed: float = HIP_SPEED
    knee_speed: float = KNEE_SPEED
    friction: float = 2.5
    initial_force: float = 5.0


class WalkerState(NamedTuple):
    """The bodies, the ground, and what the rules remember.

    Attributes:
        lines: of the ground that each lower leg touches, by its contacts.
        shaping: what the reward of a step is the gain of.
    """

    motion: Motion
    impulses: Impulses
    ground: Ground
    lines: Int[Array, "leg contact"]
    standing: Bool[Array, " leg"]
    shaping: Float[Array, ""]
    time: Int[Array, ""]


@dataclasses.dataclass(frozen=True, eq=False)
class BipedalWalker:
    """The environment in the form of `envs.base.Env`, on uneven ground or, hardcore, with stumps, pits and stairs."""

    hardcore: bool = False
    episode_limit: int = 1600
    params: WalkerParams = dataclasses.field(default_factory=WalkerParams)
    return_range: tuple[float, float] = (-400.0, 350.0)
    dear_reset: bool = True

    @property
    def num_actions(self) -> None:
        """None, as actions are real-valued."""
        return None

    @property
    def param_ranges(self) -> dict[str, tuple[float, float]]:
        """Bounds of gravity, torque and friction."""
        return {"gravity": (-math.inf, 0.0), "torque": (0.0, math.inf), "friction": (0.0, math.inf)}

    @property
    def action_low(self) -> np.ndarray:
        """All motors backwards with their full torque."""
        return -np.ones(4, np.float32)

    @property
    def action_high(self) -> np.ndarray:
        """All motors forwards with their full torque."""
        return np.ones(4, np.float32)

    def reset(self, key: PRNGKeyArray, params: WalkerParams) -> tuple[Float[Array, "24"], WalkerState]:
        """Return the walker on random ground, pushed a little by a random force."""
        key_ground, key_force = jax.random.split(key)
        force = params.initial_force * jax.random.uniform(key_force, minval=-1.0, maxval=1.0)
        state = _first_state(random_ground(key_ground, self.hardcore), force, params.gravity)
        standing = state.motion._replace(center=state.motion.center.at[1].add(LIFT))
        return _observed(state), state._replace(motion=standing)

    def step(self, key: PRNGKeyArray, state: WalkerState, action: Array, params: WalkerParams) -> Transition:
        """Return what an action leads to."""
        power = jnp.minimum(jnp.abs(action), 1.0)
        speed = jnp.stack([params.hip_speed, params.knee_speed] * 2) * jnp.sign(action)
        after, fallen = _moved(state, Motors(speed, params.torque * power), params, self.hardcore)
        motion = jax.tree.map(lambda *x: jnp.where(state.time == 0, *x), _jointed(key, after.motion), after.motion)
        after = after._replace(motion=motion)
        shaping, x = _shaping(after.motion), _hull_origin(after.motion)[0]
        reward = shaping - state.shaping - COST * params.torque * power.sum()
        lost = fallen | (x < 0.0)
        after = after._replace(shaping=shaping, time=state.time + 1)
        return Transition(
            _observed(after),
            after,
            jnp.where(lost, -100.0, reward),
            lost | (x > END),
            after.time >= self.episode_limit,
        )

    def draw(self, state: WalkerState, params: WalkerParams) -> np.ndarray:
        """Return a picture of a state, as large as gymnasium's, that moves with the walker."""
        motion = jax.device_get(state.motion)
        left = float(_hull_origin(motion)[0]) - VIEW[0] / 5
        picture = pictures.landscape(jax.device_get(state.ground), SPACING, VIEW, SCALE, left)
        for body in (3, 4, 0, 1, 2):
            corners = solver.placed(TREE, motion, body, SHAPES[body].corners)
            pictures.fill(picture, corners, SCALE, pictures.FAR_BODY if body > 2 else pictures.BODY, left)
        return picture


def _first_state(land: Ground, force: Float[Array, ""], gravity: Float[Array, ""] | float) -> WalkerState:
    angle = jnp.asarray(START_ANGLE)
    motion = solver.at_rest(_center(jnp.asarray(START), angle), angle)
    falling = TREE.masses[[0, 1, 3]].sum() / TREE.mass  # the lower legs stand
    velocity = SECONDS * jnp.stack([force / TREE.mass, gravity * falling])
    return WalkerState(
        motion=motion._replace(velocity=velocity),
        impulses=solver.no_impulses(len(TREE.joints), len(CONTACT_BODIES)),
        ground=land,
        lines=jnp.full(OF_LOWER.shape, round(START[0] / SPACING)),
        standing=jnp.ones(2, bool),
        shaping=_shaping(motion),
        time=jnp.zeros((), jnp.int32),
    )


def _center(hull: Float[Array, "2"], angle: Float[Array, " body"]) -> Float[Array, "2"]:
    """Return the centre of mass of all bodies where the hull is."""
    return hull - solver.turned(HULL_ORIGIN, angle).sum(0)


def _jointed(key: PRNGKeyArray, motion: Motion) -> Motion:
    """Return the motion after the first step, the legs at their joints; velocities are those of before."""
    beyond = motion.spin[2::2] - motion.spin[1::2] > KNEE_SPEED_BEYOND
    placed = jnp.asarray(FIRST_STEP)[beyond[0].astype(int), beyond[1].astype(int)]
    hull = START_ANGLE[0] + SECONDS * motion.spin[0] + placed[4]
    spread = jnp.where(beyond[:, None], STRAIGHT_SPREAD, BENT_SPREAD).ravel()
    angle = jnp.concatenate([hull[None], placed[:4] + spread * jax.random.normal(key, (4,))])
    return motion._replace(center=_center(placed[5:], angle), angle=angle)


def _moved(
    state: WalkerState, motors: Motors, params: WalkerParams, hardcore: bool
) -> tuple[WalkerState, Bool[Array, ""]]:
    """Return the state after a step of the physics, and whether the hull touched the ground."""
    touch = ground.at_points if hardcore else ground.under_points
    touches, lines = contacts.candidates(
        TREE, state.motion, state.ground, SPACING, LEG_CORNERS, [(leg, SHAPES[leg]) for leg in LEGS], touch, BESIDE
    )
    motion, impulses, touched = solver.step(
        TREE,
        state.motion,
        solver.Push(jnp.zeros(2), jnp.zeros(len(SHAPES))),
        motors,
        touches,
        CONTACT_BODIES,
        jnp.sqrt(params.friction * FRICTION_OF_LEGS),
        state.impulses,
        params.gravity,
        SECONDS,
    )
    lines = jnp.where(touched, lines, contacts.NO_LINE)[OF_LOWER]
    before, after = (_hull_gap(bodies, state.ground) for bodies in (state.motion, motion))
    moved = state._replace(
        motion=motion,
        impulses=impulses,
        lines=lines,
        standing=contacts.standing(state.standing, state.lines, lines),
    )
    return moved, (before < solver.SKIN) | (after < solver.ARRIVAL)


def _hull_gap(motion: Motion, land: Ground) -> Float[Array, ""]:
    hull, _ = contacts.candidates(TREE, motion, land, SPACING, HULL_CORNERS, ((0, HULL),), neighbours=BESIDE_HULL)
    return hull.gap.min()


def _hull_origin(motion: Motion) -> Float[Array, "2"]:
    return motion.center + solver.turned(HULL_ORIGIN, motion.angle).sum(0)


def _observed(state: WalkerState) -> Float[Array, "24"]:
    motion = state.motion
    velocity = solver.velocities(solver.turned(TREE.arms[0], motion.spun_angle), motion)
    hull = jnp.stack([motion.angle[0], 2.0 * SECONDS * motion.spin[0]])
    angles = solver.joint_angles(TREE, motion.angle) - np.array([HIPS[0], -1.0, HIPS[1], -1.0])
    speeds = solver.joint_angles(TREE, motion.spin) / np.array([HIP_SPEED, KNEE_SPEED] * 2)
    legs = jnp.stack([angles, speeds], axis=1).reshape(2, 4)
    rays = ground.ray_fractions(state.ground, SPACING, _hull_origin(motion), RAYS, LINES_OF_RAYS)
    speed = 0.3 * SECONDS * np.array(VIEW) * velocity
    return jnp.concatenate([hull, speed, jnp.concatenate([legs, state.standing[:, None]], axis=1).ravel(), rays])


def _shaping(motion: Motion) -> Float[Array, ""]:
    return 130.0 / SCALE * _hull_origin(motion)[0] - 5.0 * jnp.abs(motion.angle[0])
