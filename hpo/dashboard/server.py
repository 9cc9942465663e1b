"""The web application: pages of sweeps, trials, comparisons and landscapes, and the data of their figures.

It only reads. A page asks again for itself every few seconds and gets the status 304 while there is nothing new.
"""

import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask
from waitress.server import create_server

from arl.errors import InputError
from arl.records.store import Store, StoreError
from hpo.dashboard import contents
from hpo.dashboard.contents import Commands
from hpo.dashboard.library import Library
from hpo.reports import pages, theme

TEMPLATES = Path(__file__).parent / "templates"
LOCAL = ("localhost", "127.0.0.1", "::1")
NUM_THREADS = 8
POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; frame-ancestors 'none'"
)


def make(store: Store, commands: Commands, hosts: tuple[str, ...] | None = LOCAL) -> flask.Flask:
    """Return the application.

    Args:
        store: what it shows.
        commands: gives the command lines on the pages.
        hosts: names by which it may be called, so that no other web page can read from it; None for any.
    """
    app = flask.Flask(__name__, static_folder=None)
    app.config["TRUSTED_HOSTS"] = None if hosts is None else [*hosts, "[::1]"]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    library, started = Library(store), time.time()

    def page(template: str, shown: Any, values: Callable[[], dict[str, Any]]) -> flask.Response:
        """Return a page, unless the browser has what this server makes of what is shown."""
        version = contents.checksum([started, shown])
        if version in flask.request.if_none_match:
            return flask.Response(status=HTTPStatus.NOT_MODIFIED)
        response = flask.Response(pages.render(template, folder=TEMPLATES, version=version, **values()))
        response.set_etag(version)
        return response

    @app.get("/")
    def index() -> flask.Response:
        values = contents.index(library)
        return page("index.html", values, lambda: values)

    @app.get("/sweeps/<name>")
    def sweep(name: str) -> flask.Response:
        current = library.sweep(name)
        return page("sweep.html", current.summary.version, lambda: contents.sweep(current, commands))

    @app.get("/sweeps/<name>/<int:trial>")
    def trial(name: str, trial: int) -> flask.Response:
        current = library.trial(name, trial)
        return page("trial.html", current.summary.version, lambda: contents.trial(current, trial, commands))

    @app.get("/sweeps/<name>/surrogate.json")
    def surrogate(name: str) -> dict[str, Any]:
        library.sweep(name)
        try:
            return contents.surrogate(library.surrogate(name))
        except InputError as error:  # too few trials, which is no fault of the page that asks
            return {"error": str(error)}

    @app.get("/sweeps/<name>/contour.json")
    def contour(name: str) -> dict[str, Any]:
        x, y = (flask.request.args.get(axis, "") for axis in ("x", "y"))
        return contents.contour(library.surrogate(name), x, y)

    @app.get("/overlay")
    def overlay() -> flask.Response:
        from hpo.dashboard import overlays

        names = flask.request.args.getlist("sweep")
        return page("overlay.html", overlays.version(library, names), lambda: overlays.contents(library, names))

    @app.get("/comparisons/<name>")
    def comparison(name: str) -> flask.Response:
        from hpo.dashboard import preliminary

        record = library.comparison(name)
        if record.ended_at is None:
            shown = preliminary.version(record, library.summaries())
            return page("preliminary.html", shown, lambda: preliminary.contents(record, library, commands))
        return page("served_comparison.html", record, lambda: contents.comparison(record, store, commands))

    @app.get("/landscapes/<path:name>")
    def landscape(name: str) -> flask.Response:
        from landscapes import catalogue

        chosen = catalogue.get(name)
        return page("served_landscape.html", chosen.version, lambda: contents.landscape(chosen))

    @app.get("/vega.js")
    def vega() -> flask.Response:
        response = flask.Response(theme.javascript(), mimetype="text/javascript")
        response.cache_control.max_age = 3600
        return response

    def refused(reason: str, status: int) -> tuple[Any, int]:
        if flask.request.path.endswith(".json"):
            return {"error": reason}, status
        return pages.render("error.html", {}, {}, folder=TEMPLATES, error=reason), status

    @app.errorhandler(InputError)
    def refuse(error: InputError) -> tuple[Any, int]:
        is_store = isinstance(error, StoreError)
        return refused(str(error), HTTPStatus.SERVICE_UNAVAILABLE if is_store else HTTPStatus.NOT_FOUND)

    @app.errorhandler(HTTPStatus.NOT_FOUND)
    def refuse_address(_: Exception) -> tuple[Any, int]:
        return refused(f"there is no page {flask.request.path!r}", HTTPStatus.NOT_FOUND)

    @app.errorhandler(HTTPStatus.INTERNAL_SERVER_ERROR)
    def refuse_fault(_: Exception) -> tuple[Any, int]:
        return refused("this page can't be shown; the server's log says why", HTTPStatus.INTERNAL_SERVER_ERROR)

    @app.after_request
    def protect(response: flask.Response) -> flask.Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Cache-Control", "no-cache")
        return response

    return app


def listen(app: flask.Flask, host: str, port: int) -> Any:
    """Return a server that listens, and answers once its `run` is called.

    Raises:
        InputError: a port that is in use, or a host that this machine is not.
    """
    try:
        bound = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise InputError(
            f"port {port} of {host} can't be listened on: {reason}; choose another --port or --host"
        ) from error
    # Its threads begin here, and would keep the command from ending after an error.
    return create_server(app, sockets=[bound], threads=NUM_THREADS)
