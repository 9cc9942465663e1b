"""Observations in their own shapes and dtypes, from the env through replay and normaliser to networks of any kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

import envs
from arl import algorithms, networks, testing
from arl import config as configs
from arl.algorithms import dqn, q_learning
from arl.errors import InputError
from arl.networks import nature
from arl.training.runner import Run, Runner
from envs import vector, wrappers

LEARNS = {
    "ppo": {"num_envs": 4, "num_steps": 8, "minibatch_size": 16, "num_epochs": 4, "learning_rate": 3e-3},
    "pqn": {"num_envs": 4, "num_steps": 8, "minibatch_size": 16, "num_epochs": 4, "learning_rate": 3e-3},
    "dqn": {"num_envs": 4, "train_freq": 2, "gradient_steps": 4, "batch_size": 32, "learning_rate": 3e-3},
    "sac": {"num_envs": 4, "train_freq": 2, "gradient_steps": 4, "batch_size": 32, "learning_rate": 3e-3},
}
RANDOM = {"final_epsilon": 1.0}
OFF_POLICY = {"learning_starts": 32, "buffer_size": 512, "max_buffer_size": 512, "schedule_steps": 2048}


def trained(name, env, steps=2048, seed=0, **values):
    algorithm = algorithms.get(name)
    more = OFF_POLICY if name in ("dqn", "sac") else {}
    more = {**more, "alpha": 0.01, "alpha_auto": False} if name == "sac" else more
    schedule = {"schedule_steps": steps} if name == "pqn" else {}
    config = configs.make(algorithm.Config, {**LEARNS[name], **more, **schedule, "hidden_size": 32, **values})
    runner = Runner(algorithm, vector.make(env), 1, 1, num_episodes=32)
    ((_, curve),) = next(runner.train([Run(config, seed, (steps,))]))
    return curve


@pytest.mark.parametrize("name", LEARNS)
def test_a_fitting_action_is_learned_from_an_image(name):
    curve = trained(name, "structured:Picture")
    assert curve.return_mean[-1] == 1.0


@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_a_fitting_action_is_learned_from_a_dict(name):
    curve = trained(name, "structured:Parts", normalize_observations=True)
    assert curve.return_mean[-1] == 1.0


@pytest.mark.parametrize(("name", "values"), [("ppo", {}), ("dqn", RANDOM), ("pqn", RANDOM)])
def test_allowed_actions_only_are_taken(name, values):
    algorithm, env = algorithms.get(name), vector.make("structured:Masked")
    config = configs.make(algorithm.Config, SMALL[name] | values)
    state = algorithm.init(jax.random.key(0), config, env)
    obs, _ = env.reset(jax.random.key(1), (200,))
    fitting = (obs["sign"] == 1).astype(int)
    for explore in (True, False):
        np.testing.assert_array_equal(
            algorithm.act(state, config, env, obs, jax.random.key(2), explore=explore), fitting
        )


def test_ppo_learns_where_actions_are_masked():
    curve = trained("ppo", "structured:Masked", steps=96)
    assert curve.return_mean[-1] == 1.0
    assert np.isfinite(curve.metrics["entropy"]).all()
    np.testing.assert_allclose(curve.metrics["entropy"], 0.0, atol=1e-6)


@pytest.mark.parametrize("name", ["dqn", "pqn"])
def test_values_are_learned_from_allowed_actions_only(name):
    curve = trained(name, "structured:Masked", steps=96)
    assert curve.return_mean[-1] == 1.0
    assert curve.metrics["episode_return"][-1] == 1.0, "random actions are allowed ones as well"


@pytest.mark.parametrize("double_q", [True, False])
def test_a_target_is_the_value_of_an_allowed_action(double_q):
    env, config = vector.make("structured:Masked"), configs.make(dqn.Config, SMALL["dqn"] | {"double_q": double_q})
    learner = dqn.init(jax.random.key(0), config, env).learner
    obs, _ = env.reset(jax.random.key(1), (50,))
    values = dqn._network(config, env).apply(learner.target, obs)
    np.testing.assert_array_equal(dqn._next_value(learner, config, env, obs), values[obs["allowed"]])


def test_random_actions_are_equally_likely_among_those_that_are_allowed():
    mask = jnp.array([[True, False, True, True]] * 900)
    uniform = jnp.stack([jnp.zeros(900), jnp.arange(900) / 900])
    action = q_learning.epsilon_greedy(jnp.zeros((4, 900)), uniform, 1.0, mask)
    assert np.bincount(action, minlength=4).tolist() == [300, 0, 300, 300]


def test_of_stacked_observations_the_newest_mask_is_heeded():
    stacked = wrappers.FrameStack(envs.make("structured:Masked"), 3)
    env = vector.VectorEnv(stacked, stacked.params)
    obs, _ = env.reset(jax.random.key(0), (5,))
    assert env.action_mask(obs).shape == (5, 2)
    np.testing.assert_array_equal(obs["allowed"][:, 1], obs["sign"][:, -1] == 1)


def test_a_mask_must_have_a_truth_value_for_each_action():
    with pytest.raises(InputError, match=r"a truth value for each action at its mask_key 'allowed', got float32\(3,\)"):
        vector.make("structured:NumberedMask")


def test_a_real_valued_action_is_learned_from_an_image():
    curve = trained(
        "sac", "structured:Aimed", 4096, seed=2
    )  # in so few steps, one or two seeds in four do not get there
    assert curve.return_mean[-1] > -0.1


def test_a_replay_holds_each_image_once_in_its_own_dtype():
    env, config = vector.make("structured:Picture"), configs.make(algorithms.get("dqn").Config, SMALL["dqn"])
    state = algorithms.get("dqn").init(jax.random.key(0), config, env)
    num_envs, num_slots = 2, 16
    in_ring, last_ones = (num_slots + 1) * num_envs, (num_slots // env.episode_limit + 2) * num_envs
    assert state.replay.frames.shape == (in_ring + last_ones, 4, 4, 2)
    assert state.replay.frames.dtype == jnp.bool_


def test_the_network_is_chosen_by_the_shape_of_observations():
    assert networks.choose("auto", vector.make("CartPole-v1").obs_spec) == "mlp"
    assert networks.choose("auto", vector.make("structured:Picture").obs_spec) == "cnn"
    assert networks.choose("auto_layer_norm", vector.make("structured:Parts").obs_spec) == "mlp_layer_norm"
    assert networks.choose("auto", jax.ShapeDtypeStruct((36, 40, 4), jnp.uint8)) == "nature"
    assert networks.choose("auto_layer_norm", jax.ShapeDtypeStruct((35, 40, 4), jnp.uint8)) == "cnn_layer_norm"
    assert networks.choose("mlp", vector.make("structured:Picture").obs_spec) == "mlp"
    tiles = vector.make("structured:Tiles")
    assert networks.choose("auto", tiles.obs_spec, has_categories=True) == "tiles"
    agent = algorithms.get("ppo").init(jax.random.key(0), configs.make(algorithms.get("ppo").Config, {}), tiles)
    assert agent.params.actor.embeddings.shape == (2, 8, 5)


def test_a_fitting_action_is_learned_from_tiles():
    curve = trained("ppo", "structured:Tiles")
    assert curve.return_mean[-1] == 1.0


def test_each_integer_of_each_channel_of_a_grid_has_its_own_embedding():
    grid = jnp.array([[[[2, 0]]], [[[0, 2]]], [[[4, 9]]]], jnp.uint8)  # 9 is none of the five
    network = networks.make("tiles", jax.ShapeDtypeStruct((1, 1, 2), jnp.uint8), 1, num_layers=0, num_categories=5)
    params = network.init(jax.random.key(0), grid)
    (layer,), table = params.stack, params.embeddings
    columns = [[table[0, :, 2], table[1, :, 0]], [table[0, :, 0], table[1, :, 2]], [table[0, :, 4], jnp.zeros(8)]]
    expected = [layer.weight @ jnp.concatenate(column) for column in columns]
    np.testing.assert_allclose(network.apply(params, grid), expected, rtol=1e-5)


@pytest.mark.parametrize("env", ["CartPole-v1", "structured:Picture", "structured:Parts"])
@pytest.mark.parametrize("name", ["mlp", "mlp_layer_norm", "structured:Wide"])
def test_networks_keep_the_contract(name, env):
    testing.check_network(name, vector.make(env))


@pytest.mark.parametrize("name", ["cnn", "cnn_layer_norm"])
def test_networks_for_images_keep_the_contract(name):
    testing.check_network(name, vector.make("structured:Picture"))


@pytest.mark.parametrize("name", ["tiles", "tiles_layer_norm"])
def test_networks_for_tiles_keep_the_contract(name):
    testing.check_network(name, vector.make("structured:Tiles"))


def test_a_flax_module_of_the_users_is_a_network():
    curve = trained("ppo", "structured:Picture", network="structured:Wide")
    assert curve.return_mean[-1] == 1.0


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_dueling_streams_are_those_of_any_network_of_ours(name):
    side = 36 if name.startswith("nature") else 4
    obs = jnp.ones((3, side, side, 2), jnp.uint8)
    network = networks.make(name, jax.ShapeDtypeStruct(obs.shape[1:], jnp.uint8), 5, dueling=True)
    params = network.init(jax.random.key(0), obs)
    stack = getattr(params, "stack", params)
    raised = stack._replace(value=[*stack.value[:-1], stack.value[-1]._replace(bias=jnp.ones(1))])
    raised = params._replace(stack=raised) if hasattr(params, "stack") else raised
    before, after = network.apply(params, obs), network.apply(raised, obs)
    np.testing.assert_allclose(after, before + 1.0, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("cnnn", "unknown network 'cnnn': did you mean 'cnn'"),
        ("structured:Transposed", r"must give outputs float32\[batch, 2\] \(batch 3\), got float32\(2, 3\)"),
        ("structured:Nameless", "network 'structured:Nameless' must take num_outputs"),
        ("structured:Nothing", "network 'structured:Nothing': unknown name 'Nothing'"),
        (
            "cnn",
            r"must take observations float32\[4\], got ValueError: an image must have a height, a width and channels",
        ),
        ("tiles", r"got ValueError: a grid of tiles must be integers with .*, got float32\[4\]"),
        ("structured:Overflowing", r"must give finite outputs, got \[nan, nan\]"),
        ("structured:Centred", "a row of outputs must depend on its own observation alone"),
    ],
)
def test_a_network_that_breaks_the_contract_is_refused_before_training(network, message):
    algorithm = algorithms.get("ppo")
    config = configs.make(algorithm.Config, {"network": network})
    runner = Runner(algorithm, vector.make("CartPole-v1"), 1, 1)
    with pytest.raises(InputError, match=message) as refusal:
        next(runner.train([Run(config, 0, (10_000,))]))
    assert "\n" not in str(refusal.value)


def test_a_network_whose_rows_depend_on_each_other_is_found_out():
    with pytest.raises(InputError, match="a row of outputs must depend on its own observation alone"):
        testing.check_network("structured:Centred", vector.make("CartPole-v1"))


def test_dueling_is_refused_of_a_network_without():
    algorithm = algorithms.get("dqn")
    config = configs.make(algorithm.Config, {"network": "structured:Wide", "dueling": True})
    with pytest.raises(InputError, match="must take dueling where dueling is on"):
        algorithm.check(config, vector.make("structured:Picture"))


@pytest.mark.parametrize(("name", "env"), [("ppo", "CartPole-v1"), ("sac", "Pendulum-v1")])
def test_the_critic_may_have_a_width_of_its_own(name, env):
    algorithm, env = algorithms.get(name), vector.make(env)
    config = configs.make(algorithm.Config, {**SMALL[name], "critic_hidden_size": 12})
    params = jax.eval_shape(lambda key: algorithm.init(key, config, env), jax.random.key(0))
    params = params.params if name == "ppo" else params.learner
    critic = params.critic if name == "ppo" else params.critics
    assert params.actor[0].weight.shape[-2] == 8
    assert critic[0].weight.shape[-2] == 12
    same = configs.make(algorithm.Config, {**SMALL[name], "critic_hidden_size": 8})
    assert algorithm.canonical(same).critic_hidden_size == 0


def test_patches_of_an_image_are_its_neighbourhoods():
    from arl.networks import cnn

    image = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype(np.float32)
    patches = np.asarray(cnn.patches(cnn.channels_first(jnp.asarray(image)), 3)).reshape(
        3, 3, 3, 3, 2, 2
    )  # row column channel | place | batch
    for row in range(3):
        for column in range(2):
            expected = image[:, row : row + 3, column : column + 3].transpose(1, 2, 3, 0)
            np.testing.assert_array_equal(patches[:, :, :, row, column], expected)


@pytest.mark.parametrize("shape", [(84, 84, 4), (43, 39, 3)])
def test_the_network_for_large_images_is_that_of_convolutions(shape):
    image = jax.random.randint(jax.random.key(0), (2, *shape), 0, 256).astype(jnp.uint8)
    network = networks.make("nature", jax.ShapeDtypeStruct(shape, jnp.uint8), 3, hidden_size=8, num_layers=1)
    params = network.init(jax.random.key(1), image)
    x = image / 255.0
    for layer, kernel in zip(params.convolutions, nature.KERNELS, strict=True):
        x = jnp.tanh(convolution(layer, x, kernel))
    features = jnp.transpose(x, (3, 1, 2, 0)).reshape(-1, 2)  # channel, row, column
    np.testing.assert_allclose(network.apply(params, image), network.apply_stack(params.stack, features).T, atol=1e-5)


def convolution(layer, x, kernel):
    """Return what XLA's own convolution gives with the weights of a layer over folded patches."""
    num, block = kernel.size // kernel.stride, kernel.stride
    axes = layer.weight.reshape(-1, num, num, block, block, x.shape[-1])  # out, place, place in a block, in
    weight = jnp.transpose(axes, (1, 3, 2, 4, 5, 0)).reshape(kernel.size, kernel.size, x.shape[-1], -1)
    strides, names = (kernel.stride, kernel.stride), ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, weight, strides, "VALID", dimension_numbers=names) + layer.bias


def test_an_image_too_small_for_the_network_is_refused():
    with pytest.raises(InputError, match="a height and a width from 36 up, got shape"):
        networks.check("nature", jax.ShapeDtypeStruct((35, 84, 4), jnp.uint8))


def test_a_network_whose_file_was_changed_is_read_again(tmp_path):
    file, spec = tmp_path / "net.py", vector.make("CartPole-v1").obs_spec
    for width in (3, 30):
        file.write_text(
            f"from structured import Wide\n\n\nclass Net(Wide):\n    hidden_size: int = {width}\n# {'x' * width}\n"
        )
        assert networks.make(f"{file}:Net", spec, 2).hidden_size == width
