"""Train stable-baselines3's PPO, DQN or SAC with our hyperparameters, and print the learning curves.

compare_sb3.py runs it in a virtual environment made from sb3.txt. It reads a task from a JSON
file: `algorithm`, `env`, `config` under our names, `points` (env steps, each a whole number of
iterations), `seeds`, `num_episodes`, and maybe `policies`, a folder to save the layers of the networks in
that choose actions.

Brought in line with ours, because their libraries differ:

- Weights: orthogonal of gain sqrt(2), the last layer's 0.01 (policies) or 1 (values), no bias.
- DQN's loss is half the squared error, not Huber's; gradients are not clipped.
- PPO's `vf_coef` is halved (their value loss has no 1/2), values are not clipped.

Two things stay as they are: with more than one env DQN throws one coin for all of them, and the
log probability of a squashed action is of 1 - tanh(u)^2 + 1e-6, to stay finite.

    python run_sb3.py TASK.json
"""

import argparse
import json
import time
import types
from pathlib import Path

import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy


class Curve(BaseCallback):
    """Evaluate the policy where a rollout starts at one of the points, and when training ends."""

    def __init__(self, task, seed):
        super().__init__()
        self.points = set(task["points"])
        self.env = make_vec_env(task["env"], n_envs=task["num_episodes"], seed=10_000 + seed)
        self.num_episodes = task["num_episodes"]
        self.returns = {}

    def _on_rollout_start(self):
        self.evaluate()

    def _on_training_end(self):
        self.evaluate()

    def _on_step(self):
        return True

    def evaluate(self):
        if self.num_timesteps in self.points:
            returns, _ = evaluate_policy(self.model, self.env, self.num_episodes, return_episode_rewards=True)
            self.returns[self.num_timesteps] = float(np.mean(returns))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", type=Path, help="JSON file of a task")
    task = json.loads(parser.parse_args().task.read_text(encoding="utf-8"))
    torch.set_num_threads(1)
    print(json.dumps({"curves": [curve(task, seed) for seed in task["seeds"]]}))


def curve(task, seed):
    started = time.process_time()
    env = make_vec_env(task["env"], n_envs=task["config"]["num_envs"], seed=seed)
    model = {"ppo": make_ppo, "dqn": make_dqn, "sac": make_sac}[task["algorithm"]](task["config"], env, seed)
    callback = Curve(task, seed)
    model.learn(task["points"][-1], callback)
    returns = [callback.returns[point] for point in task["points"]]
    seconds = round(time.process_time() - started, 1)
    if task.get("policies"):
        path = Path(task["policies"]) / f"{task['algorithm']}-{task['env']}-{seed}.npz"
        save_layers(acting_layers[task["algorithm"]](model.policy), task["config"]["activation"], path)
    return {"seed": seed, "returns": returns, "cpu_seconds": seconds}


acting_layers = {
    "ppo": lambda policy: [*linear_layers(policy.mlp_extractor.policy_net), policy.action_net],
    "dqn": lambda policy: linear_layers(policy.q_net),
    "sac": lambda policy: [*linear_layers(policy.actor.latent_pi), policy.actor.mu],
}


def save_layers(layers, activation, path):
    """Save the weights `(in, out)` and the biases of layers, one after the other, and the activation between them."""
    arrays = {"activation": activation}
    for i, layer in enumerate(layers):
        arrays[f"weight{i}"] = layer.weight.detach().numpy().T
        arrays[f"bias{i}"] = layer.bias.detach().numpy()
    np.savez(path, **arrays)


def make_ppo(config, env, seed):
    model = stable_baselines3.PPO(
        "MlpPolicy",
        env,
        learning_rate=annealed(config),
        n_steps=config["num_steps"],
        batch_size=config["minibatch_size"],
        n_epochs=config["num_epochs"],
        gamma=config["gamma"],
        gae_lambda=config["gae_lambda"],
        clip_range=config["clip_eps"],
        clip_range_vf=None,
        normalize_advantage=config["normalize_advantage"],
        ent_coef=config["ent_coef"],
        vf_coef=config["vf_coef"] / 2,
        max_grad_norm=config["max_grad_norm"],
        policy_kwargs=policy_kwargs(config, optimizer_kwargs={"eps": 1e-5}),
        seed=seed,
        device="cpu",
    )
    orthogonal(model.policy.mlp_extractor.policy_net, model.policy.action_net, gain=0.01)
    orthogonal(model.policy.mlp_extractor.value_net, model.policy.value_net, gain=1.0)
    return model


def annealed(config):
    """Return the learning rate as they take it: a number, or a function of the share of training that remains.

    They ask for the rate after a rollout, ours is that of the rollout's start: a rollout is added to the share.
    """
    if not config["anneal_steps"]:
        return config["learning_rate"]
    rollout = config["num_envs"] * config["num_steps"] / config["anneal_steps"]
    return lambda remaining: config["learning_rate"] * (remaining + rollout)


def make_dqn(config, env, seed):
    model = stable_baselines3.DQN(
        "MlpPolicy",
        env,
        target_update_interval=config["target_update_interval"],
        exploration_fraction=config["exploration_fraction"],
        exploration_initial_eps=config["initial_epsilon"],
        exploration_final_eps=config["final_epsilon"],
        max_grad_norm=float("inf"),
        **off_policy_kwargs(config, seed),
    )
    for network in (model.policy.q_net, model.policy.q_net_target):
        *hidden, last = linear_layers(network)
        orthogonal(torch.nn.Sequential(*hidden), last, gain=1.0)
    model.policy.q_net_target.load_state_dict(model.policy.q_net.state_dict())
    half_squared = types.SimpleNamespace(smooth_l1_loss=lambda a, b: 0.5 * torch.nn.functional.mse_loss(a, b))
    stable_baselines3.dqn.dqn.F = half_squared
    return model


def make_sac(config, env, seed):
    model = stable_baselines3.SAC(
        "MlpPolicy",
        env,
        ent_coef=f"auto_{config['alpha']}",
        target_update_interval=config["target_update_gradient_steps"],
        target_entropy=-config["target_entropy_scale"] * env.action_space.shape[0],
        **off_policy_kwargs(config, seed),
    )
    actor = model.policy.actor
    orthogonal(actor.latent_pi, actor.mu, gain=0.01)
    orthogonal(torch.nn.Sequential(), actor.log_std, gain=0.01)
    for critic in model.policy.critic.q_networks:
        *hidden, last = linear_layers(critic)
        orthogonal(torch.nn.Sequential(*hidden), last, gain=1.0)
    model.policy.critic_target.load_state_dict(model.policy.critic.state_dict())
    return model


def off_policy_kwargs(config, seed):
    names = ("learning_rate", "buffer_size", "learning_starts", "batch_size", "tau", "gamma", "gradient_steps")
    return {
        **{name: config[name] for name in (*names, "train_freq")},
        "policy_kwargs": policy_kwargs(config),
        "seed": seed,
        "device": "cpu",
    }


def policy_kwargs(config, **more):
    activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[config["activation"]]
    return {"net_arch": [config["hidden_size"]] * config["num_layers"], "activation_fn": activation, **more}


def linear_layers(network):
    return [module for module in network.modules() if isinstance(module, torch.nn.Linear)]


def orthogonal(hidden, last, gain):
    for layer in (*linear_layers(hidden), last):
        torch.nn.init.orthogonal_(layer.weight, gain if layer is last else 2**0.5)
        torch.nn.init.zeros_(layer.bias)


if __name__ == "__main__":
    main()
