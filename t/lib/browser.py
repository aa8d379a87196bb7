"""A browser that is led by its pipe: pages as a person sees them, at any width,
light and dark, with the page's own rules of what may be loaded in force.

    with Browser(directory) as browser:
        page = browser.open("http://127.0.0.1:9127/", width=390, dark=True)
        page.value("document.title"); page.picture("page.png")
"""
import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

LIMIT = 60.0  # seconds, of each wait


class Browser:
    def __init__(self, directory):
        self.profile = os.path.join(directory, "chromium")
        self.number = 0
        self.rest = b""
        self.events = []

    def __enter__(self):
        ours, theirs = os.pipe(), os.pipe()
        # It reads from 3 and writes to 4.
        self.process = subprocess.Popen(
            ["bash", "-c", 'exec 3<&%d 4>&%d; exec "$@"' % (
                ours[0], theirs[1]), "bash",
             shutil.which("chromium"), "--headless", "--no-sandbox",
             "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-sync", "--disable-background-networking",
             "--disable-component-update", "--hide-scrollbars",
             "--remote-debugging-pipe", "--user-data-dir=" + self.profile],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=(ours[0], theirs[1]))
        os.close(ours[0])
        os.close(theirs[1])
        self.write, self.read = ours[1], theirs[0]
        target = self.call("Target.createTarget", url="about:blank")
        self.session = self.call(
            "Target.attachToTarget", targetId=target["targetId"],
            flatten=True)["sessionId"]
        self.call("Page.enable", self.session)
        self.call("Network.enable", self.session)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write)
        os.close(self.read)

    def next_message(self, end):
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.read], [], [], left)[0]:
                raise AssertionError("the browser does not answer")
            more = os.read(self.read, 1 << 20)
            if not more:
                raise AssertionError("the browser ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        question = {"id": self.number, "method": method,
                    "params": parameters}
        if session:
            question["sessionId"] = session
        data = json.dumps(question).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data):]
        end = time.monotonic() + LIMIT
        while True:
            message = self.next_message(end)
            if message.get("id") == self.number:
                if "error" in message:
                    raise AssertionError(message["error"])
                return message["result"]
            self.events.append(message)

    def wait_event(self, method):
        end = time.monotonic() + LIMIT
        while True:
            for event in self.events:
                if event.get("method") == method:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self.next_message(end))

    def open(self, url, width=1280, height=900, dark=False):
        """The page, loaded and laid out."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", self.session,
                  width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", self.session, features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"}])
        self.call("Page.navigate", self.session, url=url)
        self.wait_event("Page.loadEventFired")
        return self

    def value(self, expression):
        """What a line of JavaScript comes to, by the browser's own hand: the
        page's rules do not let any run in it."""
        got = self.call("Runtime.evaluate", self.session,
                        expression=expression, returnByValue=True)
        if "exceptionDetails" in got:
            raise AssertionError(got["exceptionDetails"])
        return got["result"].get("value")

    def asked_for(self):
        """The addresses that the page has had loaded."""
        return [event["params"]["request"]["url"] for event in self.events
                if event.get("method") == "Network.requestWillBeSent"]

    def picture(self, path, height=None):
        """Of the whole page, or of its first pixels."""
        height = height or self.value(
            "document.documentElement.scrollHeight")
        width = self.value("innerWidth")
        got = self.call("Page.captureScreenshot", self.session, format="png",
                        captureBeyondViewport=True, clip={
                            "x": 0, "y": 0, "width": width, "height": height,
                            "scale": 1})
        with open(path, "wb") as f:
            f.write(base64.b64decode(got["data"]))
