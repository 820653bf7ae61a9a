#!/usr/bin/env python3
"""A headless Chromium that opens one page: its DevTools protocol over a pipe (--remote-debugging-pipe), so that it needs no port and no library."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ANSWER_TIMEOUT_S = 60


def find():
    """The browser's path; None: there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Page:
    def __init__(self, url, width=1280, height=1000, dark=False):
        self._folder = tempfile.mkdtemp(prefix="page-")
        from_us, to_browser = os.pipe()
        to_us, from_browser = os.pipe()
        # Chromium reads commands on 3 and writes answers on 4.
        command = [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                   f"--user-data-dir={self._folder}", f"--window-size={width},{height}", "--hide-scrollbars", "about:blank"]
        os.set_inheritable(from_us, True)
        os.set_inheritable(from_browser, True)
        script = f'exec 3<&{from_us} 4>&{from_browser} "$@"'
        self._process = subprocess.Popen(["bash", "-c", script, "bash", *command], pass_fds=(from_us, from_browser),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(from_us)
        os.close(from_browser)
        self._out, self._in = to_browser, to_us
        self._buffer, self._last, self._session = b"", 0, None
        self.errors = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(domain + ".enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        if dark:
            self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.ask("Page.navigate", url=url)

    def ask(self, method, **parameters):
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            answer = self._read(until)
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def evaluate(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression, seconds=30):
        """Until the expression is true; raises with what the page shows when the time is over."""
        until = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > until:
                raise AssertionError(f"{expression} did not come true; the page: {self.evaluate('document.body.innerText')!r}; errors: {self.errors}")
            time.sleep(0.2)

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _note(self, event):
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.errors.append(event["params"]["entry"]["text"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(event["params"]["exceptionDetails"].get("exception", {}).get("description", "an exception"))

    def _read(self, until):
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self._in, 65536)
            if not more:
                raise RuntimeError("the browser has ended")
            self._buffer += more
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)
