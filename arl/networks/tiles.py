"""Networks for grids of tiles: integers that name what is in a cell, which are embedded before dense layers."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from arl.networks import layers
from arl.networks.layers import DenseNetwork, Stack

EMBEDDING_SIZE = 8


class TilesParams(NamedTuple):
    """The embeddings of the values of each channel, and the layers after them."""

    embeddings: Float[Array, "channel embedding category"]
    stack: Stack


@dataclasses.dataclass(frozen=True)
class Tiles(DenseNetwork):
    """An embedding of each integer of a grid, then dense layers.

    Inputs are a grid `(batch, height, width, channel)` of integers, and vectors, which join the embeddings.

    Attributes:
        num_categories: integers from 0 up that have an embedding; that of larger ones is 0.
    """

    num_categories: int = 256

    def init(self, key: PRNGKeyArray, grid: Shaped[Array, "batch ..."], *vectors: Any) -> TilesParams:
        """Return untrained weights for inputs of these shapes."""
        key_embeddings, key_stack = jax.random.split(key)
        shape = (grid.shape[-1], EMBEDDING_SIZE, self.num_categories)
        embeddings = jax.random.normal(key_embeddings, shape)
        return TilesParams(embeddings, self.init_stack(key_stack, _features(embeddings, grid, vectors).shape[0]))

    def apply(
        self, params: TilesParams, grid: Shaped[Array, "batch ..."], *vectors: Any
    ) -> Float[Array, "batch output"]:
        """Return the outputs for inputs with a leading batch axis."""
        return self.apply_stack(params.stack, _features(params.embeddings, grid, vectors)).T


class LayerNormTiles(Tiles):
    """An embedding of each integer of a grid, then dense layers with LayerNorm before each activation."""

    layer_norm = True


def _features(
    embeddings: Float[Array, "channel embedding category"], grid: Shaped[Array, "batch ..."], vectors: Any
) -> Float[Array, "feature batch"]:
    """Return the embeddings of all integers of a grid, and vectors, as features.

    Embeddings are products with one-hot vectors: a CPU would sum the gradients of looked up rows one after the other.
    """
    if grid.ndim != 4 or not jnp.issubdtype(grid.dtype, jnp.integer):
        raise ValueError(
            "a grid of tiles must be integers with a height, a width and channels, "
            f"got {grid.dtype}{list(grid.shape[1:])}"
        )
    cells = jnp.transpose(grid, (3, 1, 2, 0)).reshape(grid.shape[-1], -1)  # (channel, place * batch)
    one_hot = jax.nn.one_hot(cells, embeddings.shape[-1], axis=1)
    embedded = (embeddings @ one_hot).reshape(-1, grid.shape[0])
    return jnp.concatenate([embedded, layers.features(vectors)]) if jax.tree.leaves(vectors) else embedded
