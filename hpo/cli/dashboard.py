"""The command `arl dashboard`."""

import gc
import signal

from arl.errors import InputError
from arl.records.store import Store
from hpo.cli import commands

NEW_OBJECTS = 100_000  # between two searches for garbage, which took half of the time that records are read in


def serve(store: str | None, host: str, port: int) -> None:
    """Serve the dashboard of a store until Ctrl-C.

    Raises:
        InputError: the extra is not installed, no such store, or a host or port that can't be listened on.
    """
    try:
        from hpo.dashboard import server
    except ModuleNotFoundError as error:
        if error.name not in ("flask", "waitress"):
            raise
        raise InputError(f"dashboard needs {error.name}: pip install 'autorl-sweeps[dashboard]'") from error
    gc.set_threshold(NEW_OBJECTS)
    hosts = server.LOCAL if host in server.LOCAL else None
    listening = server.listen(server.make(Store(store), commands, hosts), host, port)
    name = f"[{host}]" if ":" in host else host
    print(f"dashboard: http://{name}:{port}    Ctrl-C ends it", flush=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    listening.run()
