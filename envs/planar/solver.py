"""Planar rigid bodies that hang together by revolute joints and touch the ground.

The bodies are a tree: body 0 is the root, every other one hangs at its parent by one joint with a motor and limits. The
unknowns are the centre of mass c of them all and the angle of each body, so that a joint can't come apart. With constants
A_bk (`arms`), the centre of body b is at

    (1)  x_b = c + sum_k R(theta_k) A_bk,                                      R(theta) a rotation

and a point s of body b has the same form, with A_bb + s in place of A_bb. With d_bk = R(theta_k) A_bk, a velocity
u = (v, omega) of c and of the angles has the kinetic energy

    (2)  m v^2 / 2 + omega^T M omega / 2,      M_kl = I_k [k = l] + sum_b m_b d_bk . d_bl

A step of h seconds (semi-implicit Euler and sequential impulses; Catto 2006, "Fast and simple physics using sequential
impulses") keeps the momentum of the bodies, adds the impulses from outside, and solves

    (3)  u' = u_free + W J^T lambda,           W = diag(1/m, 1/m, M^-1)
    (4)  lambda_i in [low_i, high_i] such that J_i u' = target_i, or beyond it where lambda_i is at its bound

by sweeps over the rows i (projected Gauss-Seidel) that begin with the impulses of the step before (warm starting):

    motor      relative spin of child and parent; its target is the motor's speed, and |lambda| <= h torque
    friction   velocity of a touching point along the ground, |lambda| <= mu lambda of its contact
    contact    velocity of a touching point out of the ground, lambda >= 0
    limit      relative spin, lambda >= 0 at the lower limit, <= 0 at the upper one

A contact and the limit of its body's joint are solved together, as a leg between its limit and the ground is light beside
what it carries. Then the bodies move by another velocity: u' corrected by further sweeps over contacts and limits, with
targets that push back where they overlap, and by which a point that would pass the ground in this step just arrives there.
u' itself is kept for the next step, so that pushing back adds no energy; a point that arrives is stopped in the next step.
Centres move straight in a step, by which joints would come apart, and are pulled back to them, which turns the bodies by

    (5)  M^-1 sum_b m_b d_bk x (x_b moved straight - x_b of equation (1) at the new angles)

Tolerances, arrivals and the softness of motors are those of Box2D 2.3, the engine of gymnasium's environments. Two things
differ: joints do not come apart, and `NUM_SWEEPS` sweeps do what 180 of Box2D's do, as joints need none. Results agree
statistically, not bit for bit.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

LINEAR_SLOP = 0.005
ANGULAR_SLOP = 2.0 / 180.0 * np.pi
SKIN = 0.02  # two shapes touch at this distance, 1 cm of each
ARRIVAL = 0.005  # the distance up to which a point may come in the step in which it arrives
PUSH = 0.2  # share of an overlap that is pushed back in a step, as long as it is small
SLEEP_SPEED, SLEEP_SPIN, SECONDS_TO_SLEEP = 0.01, ANGULAR_SLOP, 0.5  # slower bodies sleep after this time
NUM_SWEEPS, NUM_CORRECTIONS = 10, 4
BOX2D_SWEEPS = 180  # of gymnasium's environments
MOST_UNROLLED = 2  # rows; with 8 a lander compiles in nearly twice the time, and is no faster

Index: TypeAlias = Array | int


class Joint(NamedTuple):
    """A revolute joint: the parent's index, its place from both centres, and limits of the angle of the child to it."""

    parent: int
    parent_anchor: tuple[float, float]
    child_anchor: tuple[float, float]
    lower: float
    upper: float


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """Bodies in a tree; body i + 1 is the child of joint i.

    Attributes:
        masses, inertias: of each body, in kg and kg m^2 around its centre.
        arms: `(body, body, 2)`, the constants A of equation (1).
        dots, crosses: `(body, body)`, sum_b m_b A_bk . A_bl and sum_b m_b A_bk x A_bl.
    """

    masses: np.ndarray
    inertias: np.ndarray
    joints: tuple[Joint, ...]
    arms: np.ndarray
    dots: np.ndarray
    crosses: np.ndarray

    @property
    def mass(self) -> float:
        """The mass of all bodies."""
        return float(self.masses.sum())

    def point(self, body: int, place: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return the constants `(body, 2)` of a point of a body, given from its centre."""
        arms = self.arms[body].copy()
        arms[body] += place
        return arms


def make_tree(masses: Sequence[float], inertias: Sequence[float], joints: Sequence[Joint]) -> Tree:
    """Return the tree of bodies with these masses and inertias, the root first."""
    weights, num_bodies = np.asarray(masses), len(masses)
    chain = np.zeros((num_bodies, num_bodies, 2))
    for child, joint in enumerate(joints, start=1):
        chain[child] = chain[joint.parent]
        chain[child, joint.parent] += joint.parent_anchor
        chain[child, child] -= joint.child_anchor
    arms = chain - np.einsum("b,bkx->kx", weights, chain) / weights.sum()
    dots = np.einsum("b,bkx,blx->kl", weights, arms, arms)
    crosses = np.einsum("b,bk,bl->kl", weights, arms[..., 0], arms[..., 1])
    return Tree(weights, np.asarray(inertias), tuple(joints), arms, dots, crosses - crosses.T)


class Motion(NamedTuple):
    """Where the bodies are and how they move.

    `spin` was solved at `spun_angle`, the angles at the beginning of the last step: its momentum is that of those angles.
    """

    center: Float[Array, "2"]
    angle: Float[Array, " body"]
    velocity: Float[Array, "2"]
    spin: Float[Array, " body"]
    spun_angle: Float[Array, " body"]


class Impulses(NamedTuple):
    """The impulses of a step, from which the next one starts."""

    motor: Float[Array, " joint"]
    limit: Float[Array, " joint"]
    contact: Float[Array, " contact"]
    friction: Float[Array, " contact"]


class Contacts(NamedTuple):
    """Points of bodies that touch the ground or may do so.

    Attributes:
        arms: `e_k`, the parts of their places that each body turns.
        normal: out of the ground.
        gap: distance from the ground, negative inside.
    """

    arms: Float[Array, "contact body 2"]
    normal: Float[Array, "contact 2"]
    gap: Float[Array, " contact"]


class Motors(NamedTuple):
    """The speed that each joint's motor aims at, in rad/s, and its largest torque in N m."""

    speed: Float[Array, " joint"]
    torque: Float[Array, " joint"]


class Push(NamedTuple):
    """Impulses from outside on the centre of mass, and on the angles (their torque around it)."""

    linear: Float[Array, "2"]
    angular: Float[Array, " body"]


def at_rest(center: Float[Array, "2"], angle: Float[Array, " body"]) -> Motion:
    """Return bodies that do not move."""
    return Motion(center, angle, jnp.zeros(2), jnp.zeros_like(angle), angle)


def no_impulses(num_joints: int, num_contacts: int) -> Impulses:
    """Return impulses of zero."""
    joints, contacts = jnp.zeros(num_joints), jnp.zeros(num_contacts)
    return Impulses(joints, joints, contacts, contacts)


def turned(arms: np.ndarray | Array, angle: Float[Array, " body"]) -> Float[Array, "*points body 2"]:
    """Return R(theta_k) A_k of points `(*points, body, 2)`."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = arms[..., 0], arms[..., 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def cross(a: Array, b: Array) -> Array:
    """Return the cross product of planar vectors, a number."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def pushed(arms: Float[Array, "body 2"], impulse: Float[Array, "2"]) -> Push:
    """Return what an impulse on a point does; `arms` are the parts of its place that each body turns."""
    return Push(impulse, cross(arms, impulse))


def velocities(arms: Float[Array, "*points body 2"], motion: Motion) -> Float[Array, "*points 2"]:
    """Return the velocities of points."""
    spun = arms * motion.spin[:, None]
    return motion.velocity + jnp.stack([-spun[..., 1].sum(-1), spun[..., 0].sum(-1)], axis=-1)


def placed(tree: Tree, motion: Motion, body: int, points: np.ndarray) -> np.ndarray:
    """Return where points `(points, 2)` of a body are, given from its centre."""
    arms = np.stack([tree.point(body, point) for point in points])
    return np.asarray(motion.center + turned(arms, motion.angle).sum(-2))


def is_still(tree: Tree, motion: Motion) -> Bool[Array, ""]:
    """Return whether no body moves faster than Box2D lets sleep."""
    speeds = (velocities(turned(tree.arms, motion.spun_angle), motion) ** 2).sum(-1)
    return jnp.all((speeds <= SLEEP_SPEED**2) & (jnp.abs(motion.spin) <= SLEEP_SPIN))


def mass_matrix(tree: Tree, angle: Float[Array, " body"], other: Float[Array, " body"]) -> Float[Array, "body body"]:
    """Return M of equation (2), d_bk at some angles and d_bl at others."""
    between = angle[:, None] - other
    return jnp.diag(tree.inertias) + tree.dots * jnp.cos(between) + tree.crosses * jnp.sin(between)


def inverse(matrix: Float[Array, "body body"]) -> Float[Array, "body body"]:
    """Return the inverse of a small positive definite matrix (Gauss-Jordan, unrolled)."""
    size = matrix.shape[-1]
    for k in range(size):
        pivot, unit = matrix[k, k], np.arange(size) == k
        row = jnp.where(unit, 1.0, matrix[k]) / pivot
        column = jnp.where(unit, 0.0, matrix[:, k])
        matrix = jnp.where(unit[:, None], row, jnp.where(unit, 0.0, matrix) - column[:, None] * row)
    return matrix


class Rows(NamedTuple):
    """Rows of equation (4): J, W J^T and 1 / (J W J^T)."""

    jacobian: Float[Array, "row unknown"]
    response: Float[Array, "row unknown"]
    mass: Float[Array, " row"]


class Problem(NamedTuple):
    """Equation (4) for one step.

    Attributes:
        couplings: J W J^T between each contact and the limit of its body's joint.
        motor_speed, motor_bound, motor_mass: target, largest impulse and softness of motors.
        side: 1 for a joint at its lower limit, -1 at its upper one, else 0.
        touching: whether a contact is solved.
    """

    joints: Rows
    normals: Rows
    tangents: Rows
    couplings: Float[Array, " contact"]
    motor_speed: Float[Array, " joint"]
    motor_bound: Float[Array, " joint"]
    motor_mass: Float[Array, " joint"]
    side: Float[Array, " joint"]
    touching: Bool[Array, " contact"]


def step(
    tree: Tree,
    motion: Motion,
    push: Push,
    motors: Motors,
    contacts: Contacts,
    contact_bodies: Sequence[int],
    friction: Float[Array, ""] | float,
    before: Impulses,
    gravity: Float[Array, ""] | float,
    seconds: float,
) -> tuple[Motion, Impulses, Bool[Array, " contact"]]:
    """Return the motion after a step, the impulses in it, and which contacts touched in it.

    Args:
        push: impulses from outside; gravity is not among them.
        contact_bodies: the body of each contact, none of them the root.
        before: the impulses of the step before.
        gravity: acceleration along y, in m/s^2.
    """
    joint_of = np.array(contact_bodies) - 1
    inverse_mass = inverse(mass_matrix(tree, motion.angle, motion.angle))
    problem = _problem(tree, inverse_mass, motion, motors, contacts, joint_of, seconds)
    impulses = _still_active(problem, before)
    u = _free(tree, inverse_mass, motion, push, gravity * seconds)
    u = u + sum((rows.response * x[:, None]).sum(0) for rows, x in _by_rows(problem, impulses))
    u, impulses = jax.lax.fori_loop(
        0, NUM_SWEEPS, lambda _, carry: _sweep(problem, joint_of, friction, *carry), (u, impulses)
    )
    touched = problem.touching | (contacts.gap + seconds * (problem.normals.jacobian * u).sum(-1) < ARRIVAL)
    turns = seconds * u[2:]
    joined = u.at[2:].add(_joined(tree, inverse_mass, motion.angle, turns) / seconds)
    limit_push, contact_push = _limit_push(tree, motion.angle) / seconds, _contact_push(contacts.gap) / seconds
    moved = seconds * _corrected(problem, joined, limit_push, contact_push)
    return Motion(motion.center + moved[:2], motion.angle + moved[2:], u[:2], u[2:], motion.angle), impulses, touched


def _joined(
    tree: Tree, inverse_mass: Float[Array, "body body"], angle: Float[Array, " body"], turns: Float[Array, " body"]
) -> Float[Array, " body"]:
    """Return equation (5): by how much bodies turn when they are joined again after they moved straight."""
    turned_angle = angle + turns
    before, after = turned_angle[:, None] - angle, turned_angle[:, None] - turned_angle
    straight = tree.crosses * (jnp.cos(before) + turns * jnp.sin(before))
    straight -= tree.dots * (jnp.sin(before) - turns * jnp.cos(before))
    joined = tree.crosses * jnp.cos(after) - tree.dots * jnp.sin(after)
    return (inverse_mass * (straight - joined).sum(-1)).sum(-1)


def _free(
    tree: Tree, inverse_mass: Float[Array, "body body"], motion: Motion, push: Push, fall: Array | float
) -> Float[Array, " unknown"]:
    """Return the velocity that momentum, gravity and the impulses from outside give."""
    momentum = (mass_matrix(tree, motion.angle, motion.spun_angle) * motion.spin).sum(-1)
    spin = (inverse_mass * (momentum + push.angular)).sum(-1)
    velocity = motion.velocity + push.linear / tree.mass
    return jnp.concatenate([velocity.at[1].add(fall), spin])


def _problem(
    tree: Tree,
    inverse_mass: Float[Array, "body body"],
    motion: Motion,
    motors: Motors,
    contacts: Contacts,
    joint_of: np.ndarray,
    seconds: float,
) -> Problem:
    joints = _rows(tree, inverse_mass, _joint_jacobian(tree))
    normals = _rows(tree, inverse_mass, _point_jacobian(contacts.arms, contacts.normal))
    tangent = jnp.stack([contacts.normal[:, 1], -contacts.normal[:, 0]], axis=-1)
    lower, upper = _limits(tree)
    relative = joint_angles(tree, motion.angle)
    return Problem(
        joints=joints,
        normals=normals,
        tangents=_rows(tree, inverse_mass, _point_jacobian(contacts.arms, tangent)),
        couplings=(normals.jacobian * joints.response[joint_of]).sum(-1),
        motor_speed=motors.speed,
        motor_bound=motors.torque * seconds,
        motor_mass=jnp.minimum(joints.mass, _motor_masses(tree) * (BOX2D_SWEEPS / NUM_SWEEPS)),
        side=jnp.where(relative <= lower, 1.0, jnp.where(relative >= upper, -1.0, 0.0)),
        touching=contacts.gap < SKIN,
    )


def _still_active(problem: Problem, before: Impulses) -> Impulses:
    """Return the impulses of the step before, without those of contacts and limits that do not act any more."""
    return Impulses(
        motor=jnp.clip(before.motor, -problem.motor_bound, problem.motor_bound),
        limit=problem.side * jnp.maximum(problem.side * before.limit, 0.0),
        contact=jnp.where(problem.touching, before.contact, 0.0),
        friction=jnp.where(problem.touching, before.friction, 0.0),
    )


def _by_rows(problem: Problem, impulses: Impulses) -> list[tuple[Rows, Array]]:
    return [
        (problem.joints, impulses.motor + impulses.limit),
        (problem.normals, impulses.contact),
        (problem.tangents, impulses.friction),
    ]


def _sweep(
    problem: Problem, joint_of: np.ndarray, friction: Array | float, u: Float[Array, " unknown"], impulses: Impulses
) -> tuple[Array, Impulses]:
    """Return the velocity and the impulses after each row was solved once."""

    def solve_joint(j: Index, carry: tuple[Array, Impulses]) -> tuple[Array, Impulses]:
        u, impulses = carry
        row, bound = _row(problem.joints, j), problem.motor_bound[j]
        soft = row._replace(mass=problem.motor_mass[j])
        u, motor = _solved(soft, u, impulses.motor[j], problem.motor_speed[j], -bound, bound)
        u, limit = _solved(row, u, impulses.limit[j], 0.0, *_limit_bounds(problem.side[j]))
        return u, impulses._replace(motor=impulses.motor.at[j].set(motor), limit=impulses.limit.at[j].set(limit))

    def solve_contact(i: Index, j: Index, carry: tuple[Array, Impulses]) -> tuple[Array, Impulses]:
        u, impulses = carry
        most = friction * impulses.contact[i]
        u, slide = _solved(_row(problem.tangents, i), u, impulses.friction[i], 0.0, -most, most)
        u, contact, limit = _solved_pair(problem, i, j, u, impulses.contact[i], impulses.limit[j])
        return u, impulses._replace(
            friction=impulses.friction.at[i].set(slide),
            contact=impulses.contact.at[i].set(contact),
            limit=impulses.limit.at[j].set(limit),
        )

    carry = _each(np.arange(len(problem.side))[:, None], solve_joint, (u, impulses))
    return _each(np.stack([np.arange(len(joint_of)), joint_of], axis=1), solve_contact, carry)


def _each(rows: np.ndarray, solve: Callable[..., Any], carry: Any) -> Any:
    """Return what solving rows one after another leads to: unrolled where they are few, as many are long to compile.

    Args:
        rows: what `solve` takes, besides what is carried, for each of them.
    """
    if len(rows) > MOST_UNROLLED:
        return jax.lax.fori_loop(0, len(rows), lambda i, carry: solve(*jnp.asarray(rows)[i], carry), carry)
    for row in rows:
        carry = solve(*row, carry)
    return carry


def _corrected(
    problem: Problem, u: Float[Array, " unknown"], limit_push: Array, contact_push: Array
) -> Float[Array, " unknown"]:
    """Return the velocity by which the bodies move, so that limits and contacts are pushed back."""

    def solve_limit(j: Index, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        u, limit = carry
        u, solved = _solved(_row(problem.joints, j), u, limit[j], limit_push[j], *_limit_bounds(problem.side[j]))
        return u, limit.at[j].set(solved)

    def solve_contact(i: Index, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        u, contact = carry
        u, solved = _solved(_row(problem.normals, i), u, contact[i], contact_push[i], 0.0, jnp.inf)
        return u, contact.at[i].set(solved)

    def sweep(_: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        u, limit, contact = carry
        u, limit = _each(np.arange(len(limit))[:, None], solve_limit, (u, limit))
        u, contact = _each(np.arange(len(contact))[:, None], solve_contact, (u, contact))
        return u, limit, contact

    start = u, jnp.zeros_like(limit_push), jnp.zeros_like(contact_push)
    return jax.lax.fori_loop(0, NUM_CORRECTIONS, sweep, start)[0]


def _limit_push(tree: Tree, angle: Float[Array, " body"]) -> Float[Array, " joint"]:
    """Return the angles by which joints are turned back to their limits."""
    lower, upper = _limits(tree)
    relative = joint_angles(tree, angle)
    below, above = lower - relative - ANGULAR_SLOP, relative - upper - ANGULAR_SLOP
    return jnp.maximum(below, 0.0) - jnp.maximum(above, 0.0)


def _contact_push(gap: Float[Array, " contact"]) -> Float[Array, " contact"]:
    """Return how far points must move out of the ground; those that do not touch yet may come as far as their arrival."""
    overlap = SKIN - gap
    small = PUSH * jnp.maximum(overlap - LINEAR_SLOP, 0.0)
    return jnp.where(overlap > 0.0, jnp.maximum(small, overlap - 3 * LINEAR_SLOP), ARRIVAL - gap)


def _limits(tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    return np.array([joint.lower for joint in tree.joints]), np.array([joint.upper for joint in tree.joints])


def _limit_bounds(side: Array) -> tuple[Array, Array]:
    return jnp.where(side < 0.0, -jnp.inf, 0.0), jnp.where(side > 0.0, jnp.inf, 0.0)


def joint_angles(tree: Tree, angle: Float[Array, " body"]) -> Float[Array, " joint"]:
    """Return the angle of each joint: of the child less that of the parent."""
    return angle[1:] - angle[np.array([joint.parent for joint in tree.joints])]


def _motor_masses(tree: Tree) -> np.ndarray:
    """Return what a motor turns in a sweep of Box2D: child and parent, as if each were free to spin around its centre."""
    parents = tree.inertias[[joint.parent for joint in tree.joints]]
    return 1.0 / (1.0 / parents + 1.0 / tree.inertias[1:])


def _joint_jacobian(tree: Tree) -> Float[Array, "joint unknown"]:
    jacobian = np.zeros((len(tree.joints), 2 + len(tree.masses)), np.float32)
    for i, joint in enumerate(tree.joints):
        jacobian[i, 3 + i], jacobian[i, 2 + joint.parent] = 1.0, -1.0
    return jnp.asarray(jacobian)


def _point_jacobian(
    arms: Float[Array, "contact body 2"], direction: Float[Array, "contact 2"]
) -> Float[Array, "contact unknown"]:
    return jnp.concatenate([direction, cross(arms, direction[:, None])], axis=-1)


def _rows(tree: Tree, inverse_mass: Float[Array, "body body"], jacobian: Float[Array, "row unknown"]) -> Rows:
    angular = (jacobian[:, None, 2:] * inverse_mass).sum(-1)
    response = jnp.concatenate([jacobian[:, :2] / tree.mass, angular], axis=-1)
    return Rows(jacobian, response, 1.0 / (jacobian * response).sum(-1))


def _solved(
    row: Rows, u: Array, impulse: Array, target: Array | float, low: Array | float, high: Array | float
) -> tuple[Array, Array]:
    """Return the velocity and the impulse that solve one row."""
    wanted = impulse + row.mass * (target - (row.jacobian * u).sum(-1))
    solved = jnp.clip(wanted, low, high)
    return u + row.response * (solved - impulse), solved


def _solved_pair(
    problem: Problem, i: Index, j: Index, u: Array, contact: Array, limit: Array
) -> tuple[Array, Array, Array]:
    """Return the velocity and impulses that solve contact i and limit j at once: their 2x2 complementarity problem.

    With impulses x >= 0, A = J W J^T and speeds A x + b >= 0, of which one is 0 each: both act, or one alone.
    """
    normal, joint, side = _row(problem.normals, i), _row(problem.joints, j), problem.side[j]
    touching, limited = problem.touching[i], side != 0.0
    a_n, a_l, a = 1.0 / normal.mass, 1.0 / joint.mass, side * problem.couplings[i]
    b_n = (normal.jacobian * u).sum(-1) - a_n * contact - a * side * limit
    b_l = side * (joint.jacobian * u).sum(-1) - a * contact - a_l * side * limit
    determinant = a_n * a_l - a * a
    n_both, l_both = (a * b_l - a_l * b_n) / determinant, (a * b_n - a_n * b_l) / determinant
    n_alone, l_alone = jnp.maximum(-b_n * normal.mass, 0.0), jnp.maximum(-b_l * joint.mass, 0.0)
    both = touching & limited & (n_both >= 0.0) & (l_both >= 0.0)
    one = touching & (~limited | (a * n_alone + b_l >= 0.0))
    new_contact = jnp.where(both, n_both, jnp.where(one, n_alone, 0.0))
    new_limit = side * jnp.where(both, l_both, jnp.where(one, 0.0, l_alone))
    u = u + normal.response * (new_contact - contact) + joint.response * (new_limit - limit)
    return u, new_contact, new_limit


def _row(rows: Rows, i: Index) -> Rows:
    return Rows(rows.jacobian[i], rows.response[i], rows.mass[i])
