"""A tuner that asks for the configs of a JSON list, in their order.

arl sweep TASK --space full --tuner scripts/listed_configs.py:Listed --option path=CONFIGS.json --trials NUM
"""

import json
from pathlib import Path

from hpo.trial import Trial
from hpo.tuners.given import Given


class Listed(Given):
    """Asks for the configs of the file `path`; trial i has the i-th."""

    def __init__(self, fidelity: int, path: str):
        configs = json.loads(Path(path).read_text(encoding="utf-8"))
        super().__init__([Trial(i, config, fidelity) for i, config in enumerate(configs)])
