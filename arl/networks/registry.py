"""The networks by name, the user's own, and which is chosen for an observation. A network is one module and one row here."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from arl.errors import InputError, first_line, load_object, unknown
from arl.networks.cnn import KERNEL_SIZE
from arl.networks.nature import LEAST_SIZE

NETWORKS: dict[str, str] = {
    "mlp": "arl.networks.mlp:MLP",
    "mlp_layer_norm": "arl.networks.mlp:LayerNormMLP",
    "cnn": "arl.networks.cnn:CNN",
    "cnn_layer_norm": "arl.networks.cnn:LayerNormCNN",
    "nature": "arl.networks.nature:Nature",
    "nature_layer_norm": "arl.networks.nature:LayerNormNature",
    "tiles": "arl.networks.tiles:Tiles",
    "tiles_layer_norm": "arl.networks.tiles:LayerNormTiles",
}
AUTO = {"auto": "", "auto_layer_norm": "_layer_norm"}

_BATCH = 3  # of the inputs that a network is checked with


@runtime_checkable
class Network(Protocol):
    """An `init`/`apply` pair, as `flax.linen` modules are.

    A network is made with those of the keywords `num_outputs`, `hidden_size`, `num_layers`, `activation`, `last_scale`,
    `dueling` and, where observations are categories, `num_categories` that its constructor names; it must name `num_outputs`.
    `activation` is a function of an array. Inputs are an observation, and for a critic of real-valued actions the action
    beside it, each a pytree of arrays `(batch, ...)` in its own dtype.
    """

    def init(self, key: Any, *inputs: Any) -> Any:
        """Return untrained params, a pytree, for inputs of these shapes."""
        ...

    def apply(self, params: Any, *inputs: Any) -> Any:
        """Return the outputs, float32 `(batch, num_outputs)`, a row of which depends on its own row of inputs alone."""
        ...


def choose(name: str, obs_spec: Any, has_categories: bool = False) -> str:
    """Return the name of the network for observations of this shape, unless it is set.

    It is an embedding for a grid of categories, a CNN for a small image, that of Mnih et al. 2015 for a larger one, and
    an MLP for all else.
    """
    if name not in AUTO:
        return name
    side = _image_side(obs_spec)
    if side < KERNEL_SIZE:
        return f"mlp{AUTO[name]}"
    of_image = "nature" if side >= LEAST_SIZE else "cnn"
    return ("tiles" if has_categories else of_image) + AUTO[name]


def _image_side(obs_spec: Any) -> int:
    """Return the shorter side of an observation that is one image; 0 if it is not."""
    leaves = jax.tree.leaves(obs_spec)
    return min(leaves[0].shape[:2]) if len(leaves) == 1 and len(leaves[0].shape) == 3 else 0


def make(name: str, obs_spec: Any, num_outputs: int, **settings: Any) -> Network:
    """Return the network of a name, or of `module:Class` or `file.py:Class`.

    Args:
        name: a registered name, `auto`, `auto_layer_norm`, or where a class of the user's is.
        obs_spec: shape and dtype of an observation, a pytree of `jax.ShapeDtypeStruct`.
        num_outputs: size of the output.
        **settings: what else the constructor may name, see `Network`.

    Raises:
        InputError: an unknown name, or a class that can't be made.
    """
    chosen = choose(name, obs_spec)
    cls, accepted = _constructor(chosen, _version(chosen))
    if "num_outputs" not in accepted:
        raise InputError(f"network {name!r} must take num_outputs, got {', '.join(accepted) or 'no arguments'}")
    if settings.get("dueling") and "dueling" not in accepted:
        raise InputError(f"network {name!r} must take dueling where dueling is on, got {', '.join(accepted)}")
    keywords = {key: value for key, value in settings.items() if key in accepted}
    try:
        network: Network = cls(num_outputs=num_outputs, **keywords)
    except Exception as error:  # the user's class can fail in any way
        raise InputError(f"network {name!r} can't be made: {type(error).__name__}: {first_line(error)}") from error
    return network


def _version(name: str) -> tuple[str, int] | None:
    """Return the file of a `file.py:Class` and when it was changed, None for other names."""
    path = Path(name.rpartition(":")[0]).absolute()
    return (str(path), path.stat().st_mtime_ns) if path.suffix == ".py" and path.is_file() else None


@functools.lru_cache(maxsize=256)  # networks are made wherever one is applied
def _constructor(name: str, version: tuple[str, int] | None) -> tuple[Callable[..., Network], tuple[str, ...]]:
    """Return a network's class, and the names of what its constructor takes; anew where its file was changed."""
    if name not in NETWORKS and ":" not in name:
        raise unknown("network", name, [*NETWORKS, *AUTO, "file.py:Class", "module:Class"])
    cls: Callable[..., Network] = load_object(NETWORKS.get(name, name), "network")
    return cls, tuple(inspect.signature(cls).parameters)


def blank(obs_spec: Any, batch: int = 1) -> Any:
    """Return observations `(batch, ...)` of zeros."""
    return jax.tree.map(lambda x: jnp.zeros((batch, *x.shape), x.dtype), obs_spec)


def check(name: str, obs_spec: Any, num_outputs: int = 2, *, action_size: int = 0, dueling: bool = False) -> None:
    """Refuse a network that can't be used with observations of this shape.

    Of a network of the user's, the outputs for a few random observations are computed.

    Raises:
        InputError: an unknown name, a class that can't be made, lacks a method, fails, or gives outputs of another shape;
            of the user's, outputs that are not finite, or a row of which depends on other observations than its own.
    """
    leaves, structure = jax.tree.flatten(obs_spec)
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    _check(name, _version(name), shapes, structure, num_outputs, action_size, dueling)


@functools.lru_cache(maxsize=256)
def _check(
    name: str,
    version: tuple[str, int] | None,
    shapes: Any,
    structure: Any,
    num_outputs: int,
    action_size: int,
    dueling: bool,
) -> None:
    obs_spec = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(*shape) for shape in shapes])
    network = make(name, obs_spec, num_outputs, dueling=dueling)
    missing = [method for method in ("init", "apply") if not callable(getattr(network, method, None))]
    if missing:
        raise InputError(f"network {name!r} must have the methods init and apply, it lacks {', '.join(missing)}")
    inputs = [blank(obs_spec, _BATCH)]
    inputs += [jnp.zeros((_BATCH, action_size))] if action_size else []
    try:
        outputs = jax.eval_shape(lambda key: network.apply(network.init(key, *inputs), *inputs), jax.random.key(0))
    except Exception as error:  # the user's class can fail in any way
        taken = "observations " + ", ".join(f"{dtype}{list(shape)}" for shape, dtype in shapes)
        taken += f" and actions float32[{action_size}]" if action_size else ""
        cause = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"network {name!r} must take {taken}, got {cause}") from error
    shape, dtype = getattr(outputs, "shape", None), getattr(outputs, "dtype", None)
    if (shape, dtype) != ((_BATCH, num_outputs), jnp.float32):
        raise InputError(
            f"network {name!r} must give outputs float32[batch, {num_outputs}] (batch {_BATCH}), got {dtype}{shape}"
        )
    if ":" in name:
        _check_outputs(name, network, inputs)


def _check_outputs(name: str, network: Network, inputs: list[Any]) -> None:
    """Refuse outputs that are not finite, or that depend on the whole batch."""
    keys = jax.random.split(jax.random.key(0), 2)
    drawn = [jax.tree.map(lambda x: jax.random.uniform(keys[0], x.shape).round().astype(x.dtype), x) for x in inputs]
    params = network.init(keys[1], *drawn)
    outputs = network.apply(params, *drawn)
    row = network.apply(params, *jax.tree.map(lambda x: x[:1], drawn))[0]
    if not bool(jnp.isfinite(outputs).all()):
        raise InputError(f"network {name!r} must give finite outputs, got {outputs[0].tolist()}")
    if not bool(jnp.allclose(row, outputs[0], rtol=1e-4, atol=1e-5)):
        raise InputError(
            f"network {name!r}: a row of outputs must depend on its own observation alone, "
            f"got {outputs[0].tolist()} in a batch and {row.tolist()} by itself"
        )
