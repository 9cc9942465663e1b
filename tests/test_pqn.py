"""PQN: lambda returns against definitions, and learning on probes with known answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

from arl import algorithms
from arl import config as configs
from arl.algorithms import pqn
from arl.errors import InputError
from arl.training.runner import Run, Runner
from envs import vector

REWARD = jnp.array([1.0, 2.0, 3.0, 4.0])
NEXT_VALUE = jnp.array([10.0, 20.0, 30.0, 40.0])
NEVER = jnp.zeros(4, bool)
LARGE = {"hidden_size": 32, "max_grad_norm": 10.0}


def returns(td_lambda, terminated=NEVER, done=NEVER, gamma=0.5):
    return np.asarray(pqn.lambda_returns(REWARD, NEXT_VALUE, terminated, done, gamma, td_lambda))


def test_at_lambda_0_the_next_value_is_all():
    np.testing.assert_allclose(returns(0.0), REWARD + 0.5 * NEXT_VALUE)


def test_at_lambda_1_rewards_are_summed_to_the_end_of_the_rollout():
    """4 + 40/2 = 24, 3 + 24/2 = 15, 2 + 15/2 = 9.5, 1 + 9.5/2 = 5.75."""
    np.testing.assert_allclose(returns(1.0), [5.75, 9.5, 15.0, 24.0])


def test_between_them_the_two_are_mixed():
    """24; 3 + (30 + 24)/4 = 16.5; 2 + (20 + 16.5)/4 = 11.125; 1 + (10 + 11.125)/4 = 6.28125."""
    np.testing.assert_allclose(returns(0.5), [6.28125, 11.125, 16.5, 24.0])


@pytest.mark.parametrize(("terminated", "second"), [(True, 2.0), (False, 2.0 + 10.0)])
def test_an_episode_ends_with_its_reward_or_is_bootstrapped(terminated, second):
    done = jnp.array([False, True, False, False])
    first = 1.0 + 0.25 * (10.0 + second)
    np.testing.assert_allclose(returns(0.5, done & terminated, done)[:2], [first, second])


def trained(env, steps, **values):
    algorithm = algorithms.get("pqn")
    changes = {"learning_rate": 3e-3, "num_envs": 4, "minibatch_size": 32, "reward_scale": 1.0, "num_epochs": 8}
    config = configs.make(algorithm.Config, {**SMALL["pqn"], **changes, **LARGE, "schedule_steps": steps, **values})
    made = vector.make(env)
    runner = Runner(algorithm, made, 1, 1, num_episodes=16)
    ((_, curve),) = next(runner.train([Run(config, 0, (steps,))]))
    return config, made, curve


def values_of(config, env, curve, *obs):
    state = curve.agent.state
    return pqn._q_values(state.params, state.normalizer, config, env, jnp.array(obs, jnp.float32)[:, None])


def test_endless_episodes_bootstrap_at_their_limit():
    """The value of reward 1 for ever is 1 / (1 - gamma), not that of the five steps to the limit."""
    config, env, curve = trained(
        "ProbeEndless", 12_000, gamma=0.8, td_lambda=0.5, final_epsilon=1.0, learning_rate=0.01
    )
    np.testing.assert_allclose(values_of(config, env, curve, 0.0), 5.0, atol=0.5)


def test_the_fitting_action_is_chosen():
    config, env, curve = trained("ProbeChoice", 2048)
    q = values_of(config, env, curve, -1.0, 1.0)
    assert jnp.argmax(q, axis=0).tolist() == [0, 1]
    assert curve.return_mean[-1] == 1.0


def test_exploration_falls_linearly():
    _, _, curve = trained("ProbeChoice", 2048, initial_epsilon=0.8, final_epsilon=0.2, exploration_fraction=1.0)
    assert curve.metrics["exploration_rate"][-1] == pytest.approx(0.5, abs=0.02)


def test_exploring_is_random_at_the_final_rate():
    config, env, curve = trained("ProbeChoice", 2048, final_epsilon=0.5)
    obs = jnp.ones((4000, 1))
    state, key = curve.agent.state, jax.random.key(0)
    assert pqn.act(state, config, env, obs, key, explore=False).tolist() == [1] * 4000
    assert np.mean(pqn.act(state, config, env, obs, key, explore=True)) == pytest.approx(0.75, abs=0.03)


def test_real_valued_actions_are_refused():
    with pytest.raises(InputError, match="pqn must have an env with discrete actions, got real-valued ones"):
        pqn.check(pqn.PQNConfig(), vector.make("Pendulum-v1"))


@pytest.mark.slow
@pytest.mark.parametrize(("task", "least"), [("pqn/CartPole-v1", 490.0), ("pqn/Acrobot-v1", -95.0)])
def test_the_defaults_learn_their_tasks(task, least):
    from arl import spaces
    from hpo import tasks
    from hpo.objectives.training import Training
    from hpo.trial import Trial

    full = tasks.get(task, "full")
    trial = Trial(0, spaces.default(full.space), full.fidelity)
    (record,) = Training(full, range(10), 1).evaluate([trial])
    assert np.mean([run.points[-1].return_mean for run in record.runs]) >= least
