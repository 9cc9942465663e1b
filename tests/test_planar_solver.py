"""The physics of planar bodies: momentum, falls, joints, contacts and energy have known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from envs.planar import ground, solver
from envs.planar.solver import Contacts, Joint, Motors

SECONDS = 0.02
BODY, LIMB = ground.box(0.5, 0.3), ground.box(0.1, 0.4)
TREE = solver.make_tree(
    [4.0, 0.5, 0.3],
    [4.0 * BODY.inertia / BODY.area, 0.5 * LIMB.inertia / LIMB.area, 0.3 * LIMB.inertia / LIMB.area],
    [Joint(0, (0.4, -0.3), (0.0, 0.4), -0.8, 0.8), Joint(1, (0.0, -0.4), (0.0, 0.4), -1.0, 0.5)],
)
TABLE = solver.make_tree(
    TREE.masses, TREE.inertias, [Joint(0, (side, -0.3), (0.0, 0.4), -0.3, 0.3) for side in (-0.4, 0.4)]
)
BODIES = (1, 1, 2, 2)
NO_PUSH = solver.Push(jnp.zeros(2), jnp.zeros(3))


def flat(tree, motion):
    """Return the contacts of the lower corners of limbs with the ground y = 0."""
    corners = np.stack([tree.point(body, corner) for body in (1, 2) for corner in LIMB.corners[:2]])
    arms = solver.turned(corners, motion.angle)
    place = motion.center + arms.sum(-2)
    return Contacts(arms, jnp.tile(jnp.array([0.0, 1.0]), (4, 1)), place[:, 1])


def play(motion, num_steps, tree=TREE, gravity=-10.0, torque=0.0, speed=0.0, friction=0.5, push=NO_PUSH, h=SECONDS):
    """Return the motions after each step, with a leading time axis; `push` acts in the first step."""
    motors = Motors(jnp.full(2, speed), jnp.full(2, torque))

    def step(carry, i):
        motion, impulses = carry
        first = jax.tree.map(lambda x: jnp.where(i == 0, x, 0.0), push)
        motion, impulses, _ = solver.step(
            tree, motion, first, motors, flat(tree, motion), BODIES, friction, impulses, gravity, h
        )
        return (motion, impulses), (motion, impulses)

    start = motion, solver.no_impulses(2, 4)
    return jax.device_get(jax.jit(lambda start: jax.lax.scan(step, start, jnp.arange(num_steps))[1])(start))


def at(height, *angles):
    return solver.at_rest(jnp.array([0.0, height]), jnp.array(angles))


def angular_momentum(motion):
    """Return the angular momentum around the centre of mass, from the velocities of the bodies alone."""
    arms = solver.turned(TREE.arms, motion.spun_angle)
    velocity = solver.velocities(arms, motion) - motion.velocity
    return float((TREE.masses * solver.cross(arms.sum(-2), velocity) + TREE.inertias * motion.spin).sum())


def energy(motion):
    """Return the kinetic and potential energy, from the velocities and places of the bodies alone."""
    velocity = solver.velocities(solver.turned(TREE.arms, motion.spun_angle), motion)
    kinetic = (TREE.masses * (velocity**2).sum(-1) + TREE.inertias * motion.spin**2).sum() / 2
    return float(kinetic + 10.0 * TREE.mass * motion.center[1])


def at_time(motions, i):
    return jax.tree.map(lambda x: x[i], motions)


def test_free_fall_is_that_of_semi_implicit_euler():
    motions, _ = play(at(100.0, 0.1, 0.2, 0.1), 10)
    np.testing.assert_allclose(motions.velocity[-1], [0.0, -10.0 * 10 * SECONDS], rtol=1e-5)
    np.testing.assert_allclose(motions.center[-1], [0.0, 100.0 - 10.0 * SECONDS**2 * 55], rtol=1e-5)
    np.testing.assert_allclose(motions.spin, 0.0, atol=1e-5)


def test_momentum_is_kept_in_flight_while_motors_and_limits_work():
    def drift(num_steps):
        """Return the share of angular momentum that is lost in a second, in steps of a length."""
        motions, impulses = play(
            at(100.0, 0.3, 0.5, 0.2), num_steps, gravity=0.0, torque=3.0, speed=2.0, push=kick, h=1.0 / num_steps
        )
        assert np.ptp(motions.spin, axis=0).min() > 0.1, "the bodies do move each other"
        assert np.any(impulses.limit != 0.0)
        np.testing.assert_allclose(
            motions.velocity, np.tile(np.array(kick.linear) / TREE.mass, (num_steps, 1)), rtol=1e-5
        )
        first, last = (angular_momentum(at_time(motions, i)) for i in (0, -1))
        assert first == pytest.approx(np.sum(np.asarray(kick.angular)), abs=1e-3)
        return abs(last / first - 1.0)

    place = solver.turned(TREE.point(2, LIMB.corners[1]), jnp.array([0.3, 0.5, 0.2]))
    kick = solver.pushed(place, jnp.array([1.0, 0.5]))
    assert drift(50) < 0.05
    assert drift(400) < 0.25 * drift(50), "it comes of the length of steps"


def test_centres_move_straight_and_joints_pull_them_back_by_the_least_motion():
    before = at(100.0, 0.3, 0.1, 0.2)._replace(spin=jnp.array([1.0, 4.0, -5.0]))
    motions, _ = play(before, 1, gravity=0.0)
    after = at_time(motions, 0)
    straight = centres(before.center, before.angle) + SECONDS * solver.velocities(
        solver.turned(TREE.arms, before.angle), after
    )
    turned = before.angle + SECONDS * after.spin

    def motion(angle):
        """Return twice the work, with masses for springs, that moves bodies from where they were straight on to."""
        places = ((centres(after.center, angle) - straight) ** 2).sum(-1)
        return (TREE.masses * places + TREE.inertias * (angle - turned) ** 2).sum()

    slope_turned, slope_after = (np.abs(jax.grad(motion)(jnp.asarray(angle))).max() for angle in (turned, after.angle))
    assert slope_after < 0.15 * slope_turned


def centres(center, angle):
    return center + solver.turned(TREE.arms, angle).sum(-2)


def test_the_mass_matrix_gives_the_kinetic_energy_of_the_bodies():
    motion = at(0.0, 0.3, -0.5, 1.0)._replace(velocity=jnp.array([1.0, -2.0]), spin=jnp.array([1.0, 2.0, -3.0]))
    matrix = solver.mass_matrix(TREE, motion.angle, motion.angle)
    by_matrix = TREE.mass * float((motion.velocity**2).sum()) / 2 + float(motion.spin @ matrix @ motion.spin) / 2
    assert by_matrix == pytest.approx(energy(motion), rel=1e-5)
    np.testing.assert_allclose(solver.inverse(matrix) @ matrix, np.eye(3), atol=1e-5)


def test_bodies_hang_together_at_their_joints():
    motion = at(0.0, 0.3, -0.5, 1.0)
    for child, joint in enumerate(TREE.joints, start=1):
        of_parent = solver.placed(TREE, motion, joint.parent, np.array([joint.parent_anchor]))
        of_child = solver.placed(TREE, motion, child, np.array([joint.child_anchor]))
        np.testing.assert_allclose(of_parent, of_child, atol=1e-6)


def test_a_strong_motor_reaches_its_speed_and_stops_at_the_limit():
    motions, _ = play(at(100.0, 0.0, 0.0, 0.0), 200, gravity=0.0, torque=50.0, speed=1.0)
    relative = np.stack([motions.angle[:, 1] - motions.angle[:, 0], motions.angle[:, 2] - motions.angle[:, 1]], 1)
    speed = np.stack([motions.spin[:, 1] - motions.spin[:, 0], motions.spin[:, 2] - motions.spin[:, 1]], 1)
    np.testing.assert_allclose(speed[10:20], 1.0, atol=1e-3)
    slack = solver.ANGULAR_SLOP + SECONDS
    assert np.all(relative[-1] <= np.array([0.8, 0.5]) + slack)
    assert np.all(relative[-1] >= np.array([0.8, 0.5]) - 1e-3)


def test_a_weak_motor_turns_with_its_torque_at_most():
    _, impulses = play(at(100.0, 0.0, 0.0, 0.0), 20, gravity=0.0, torque=0.01, speed=5.0)
    np.testing.assert_allclose(impulses.motor, 0.01 * SECONDS, rtol=1e-5)


def test_bodies_come_to_rest_on_the_ground_and_its_impulses_carry_them():
    motions, impulses = play(at(1.2, 0.1, 0.3, 0.0), 400, TABLE, torque=50.0)
    last = at_time(motions, -1)
    assert bool(solver.is_still(TABLE, last))
    gaps = np.asarray(flat(TABLE, last).gap)
    assert solver.SKIN - 3 * solver.LINEAR_SLOP - 1e-3 <= gaps.min() <= solver.SKIN
    carried = impulses.contact[-1].sum()
    assert carried == pytest.approx(10.0 * TREE.mass * SECONDS, rel=0.02)


def test_friction_is_bounded_and_stops_what_slides():
    slides = at(0.8, 0.0, 0.0, 0.0)._replace(velocity=jnp.array([1.0, 0.0]))
    motions, impulses = play(slides, 200, TABLE, torque=50.0, friction=0.5)
    assert np.all(np.abs(impulses.friction) <= 0.55 * impulses.contact + 0.02), "the bound is of the sweep before"
    assert abs(motions.velocity[-1, 0]) < 0.01
    smooth, _ = play(slides, 200, TABLE, torque=50.0, friction=0.0)
    assert smooth.velocity[-1, 0] == pytest.approx(1.0, rel=1e-4)


def test_without_motors_energy_never_grows():
    falls = at(2.0, 0.5, 0.9, 0.2)._replace(velocity=jnp.array([1.0, 0.0]))
    motions, _ = play(falls, 200)
    energies = np.array([energy(at_time(motions, i)) for i in range(200)])
    pushed_back = 10.0 * TREE.mass * solver.SKIN  # what raising overlapping bodies to the ground may give
    assert energies[0] < energy(falls)
    assert np.all(np.diff(energies) < pushed_back)
    assert energies[-1] < energies[0] - 5.0


def test_a_fast_body_does_not_pass_the_ground():
    falls = at(1.5, 0.0, 0.0, 0.0)._replace(velocity=jnp.array([0.0, -60.0]))  # further in a step than a limb is long
    motions, _ = play(falls, 5)
    gaps = [np.asarray(flat(TREE, at_time(motions, i)).gap).min() for i in range(5)]
    assert min(gaps) > -0.05


def test_points_touch_the_line_beneath_them():
    land = ground.joined(jnp.array([0.0, 1.0, 1.0]))
    touch = ground.under_points(land, 1.0, jnp.array([[0.5, 0.5], [1.5, 3.0], [-0.5, 0.0]]))
    np.testing.assert_allclose(touch.gap, [0.0, 2.0, ground.FAR], atol=1e-6)
    np.testing.assert_allclose(touch.normal[0], np.array([-1.0, 1.0]) / np.sqrt(2.0), atol=1e-6)
    assert touch.line.tolist() == [0, 1, 0]


def test_a_peak_touches_the_nearest_side_of_a_shape():
    land = ground.joined(jnp.array([0.0, 1.0, 0.0]))
    touch, vertex = ground.against_vertex(land, 1.0, LIMB, jnp.array([1.05, 1.2]), jnp.float32(0.0))
    np.testing.assert_allclose(vertex, [1.0, 1.0])
    assert float(touch.gap) == pytest.approx(-0.05, abs=1e-6)
    np.testing.assert_allclose(touch.normal, [1.0, 0.0], atol=1e-6)


def test_a_shape_has_the_mass_and_inertia_of_its_area():
    box = ground.box(0.5, 1.0)
    assert (box.area, box.inertia) == pytest.approx((2.0, 2.0 * (1.0 + 4.0) / 12.0))
    moved = ground.polygon(box.corners + np.array([3.0, -1.0]))
    np.testing.assert_allclose(moved.center, [3.0, -1.0])
    assert moved.inertia == pytest.approx(box.inertia)
