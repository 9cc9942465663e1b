"""A headless chromium under test: the DevTools protocol over two pipes, nothing to install besides the browser."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Browser:
    """One page of a browser. `errors` are what its scripts threw, what the console was told as an error, and refusals
    of the content security policy.
    """

    def __init__(self, profile):
        program = next(filter(None, map(shutil.which, BROWSERS)), None)
        if program is None:
            pytest.skip(f"tests of pages need a browser, one of {', '.join(BROWSERS)}")
        (child_in, self.to_browser), (self.from_browser, child_out) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (child_in, child_out)]  # out of the way of 3 and 4
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
        self.process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}',
                "bash",
                program,
                *flags,
                f"--user-data-dir={profile}",
                "--remote-debugging-pipe",
                "about:blank",
            ],
            pass_fds=ends,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for end in (child_in, child_out, *ends):
            os.close(end)
        self.session, self.number, self.buffer, self.errors = None, 0, b"", []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def open(self, path, hash="", width=1280, height=900, dark=False, touch=False):
        """Load a file, or a page at an address; its scripts have run when this returns."""
        self.send("Page.navigate", url="about:blank")
        self.errors.clear()  # of the page before, which may have asked a server that has ended
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=(path if isinstance(path, str) else path.as_uri()) + hash)
        self.wait("location.protocol !== 'about:' && document.readyState === 'complete'")

    def js(self, expression):
        """Return the JSON value of an expression; a promise is awaited."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait(self, expression, seconds=30):
        """Ask until an expression is true; a page that is loaded anew in the middle of an answer is asked again."""
        end = time.monotonic() + seconds
        while not self._is_true(expression):
            assert time.monotonic() < end, f"not true within {seconds} s: {expression}"
            time.sleep(0.02)

    def _is_true(self, expression):
        try:
            return self.js(expression)
        except AssertionError as error:
            if "Inspected target navigated or closed" in str(error):
                return False
            raise

    def key(self, key, code, text=""):
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)

    def drag(self, start, end):
        """Press the mouse at `start`, move it to `end` and let go, in px of the window; a click where both are the same."""
        steps = [("mouseMoved", start, 0), ("mousePressed", start, 1)]
        steps += [("mouseMoved", end, 1)] * (start != end) + [("mouseReleased", end, 0)]
        for kind, (x, y), buttons in steps:
            button = "none" if kind == "mouseMoved" and not buttons else "left"
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def screenshot(self, path, whole=True):
        path.write_bytes(
            base64.b64decode(
                self.send("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))["data"]
            )
        )

    def _clip(self, whole):
        if not whole:
            return {}
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def close(self):
        self.session = None
        self.send("Browser.close")
        self.process.wait(10)
        os.close(self.to_browser)
        os.close(self.from_browser)

    def _receive(self):
        while b"\0" not in self.buffer:
            part = os.read(self.from_browser, 1 << 20)
            assert part, "the browser has ended"
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        if event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
