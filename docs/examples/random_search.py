"""Random search as a tuner process: `arl sweep ... --tuner external -o command="python docs/examples/random_search.py"`.

It asks for the same trials as the tuner `random`. In another language, read the space's `hyperparameters` instead.
"""

import json
import sys

from ConfigSpace import ConfigurationSpace

from arl import spaces

num_asked = 0
for line in sys.stdin:
    message, reply = json.loads(line), {}
    if message["type"] == "hello":
        space, seed = ConfigurationSpace.from_serialized_dict(message["space"]), message["seed"]
    elif message["type"] == "ask":
        ids = range(num_asked, num_asked + message["n"])
        num_asked += message["n"]
        reply = {"trials": [{"id": i, "config": spaces.sample(space, [seed, i])} for i in ids]}
    print(json.dumps(reply), flush=True)
