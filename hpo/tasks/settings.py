"""Settings of an algorithm's task on one env."""

import dataclasses
from collections.abc import Mapping

from arl.scalars import Scalar

ATARI = tuple(
    f"ALE/{game}-v5" for game in ("BattleZone", "DoubleDunk", "NameThisGame", "Phoenix", "Qbert", "Breakout", "Pong")
)


@dataclasses.dataclass(frozen=True)
class EnvSettings:
    """The settings of one algorithm's task on one env; the defaults are those of an env that has no row.

    Attributes:
        published_fidelity, full_fidelity: env steps of a full run, by preset.
        published, full: hyperparameters that differ from the algorithm's defaults, by preset.
    """

    published_fidelity: int = 100_000
    published: Mapping[str, Scalar] = dataclasses.field(default_factory=dict)
    full_fidelity: int = 100_000
    full: Mapping[str, Scalar] = dataclasses.field(default_factory=dict)

    def fidelity(self, preset: str) -> int:
        """Return the env steps of a full run in a space."""
        return self.published_fidelity if preset == "published" else self.full_fidelity
