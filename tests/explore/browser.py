"""Chromium without a window, driven by WebDriver over HTTP.

Needs Debian's packages chromium and chromium-driver, and nothing of Python's besides its library.
"""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
--disable-background-networking --disable-component-update --disable-dev-shm-usage""".split()


# WebDriver's names of keys.
END, HOME, SHIFT = "\ue010", "\ue011", "\ue008"
ARROW_RIGHT, ARROW_DOWN = "\ue014", "\ue015"

# ---- the browser ---------------------------------------------------------------------------------


class Browser:
    """A session of chromedriver: the few WebDriver commands that are needed here."""

    def __init__(self, driver: str, folder: Path) -> None:
        arguments = [*FLAGS, f"--user-data-dir={folder}"]
        options = {"args": arguments, "binary": shutil.which("chromium")}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        self.base = driver
        made = self.command("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base = f"{driver}/session/{made['sessionId']}"

    def command(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                said = json.load(error)["value"]["message"].partition("\n")[0]
            raise AssertionError(f"{path} {body}: {said}") from None

    def open(self, url: str) -> None:
        self.command("POST", "/url", {"url": url})

    def run(self, script: str, *args: Any) -> Any:
        """What the body of a function in JavaScript returns."""
        return self.command("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script: str, *args: Any) -> Any:
        """The value of an expression, as soon as it is true; an error after 20 seconds."""
        done = f"""
            const [done, args] = [arguments[arguments.length - 1], [...arguments].slice(0, -1)];
            const value = () => {{ try {{ return ({script}); }} catch (e) {{ return null; }} }};
            const look = () => value() ? done(value()) : setTimeout(look, 20);
            look();"""
        self.command("POST", "/timeouts", {"script": 20_000})
        return self.command("POST", "/execute/async", {"script": done, "args": list(args)})

    def find(self, selector: str) -> str:
        query = {"using": "css selector", "value": selector}
        return next(iter(self.command("POST", "/element", query).values()))

    def click(self, selector: str) -> None:
        self.command("POST", f"/element/{self.find(selector)}/click", {})

    def keys(self, selector: str, text: str) -> None:
        self.command("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def drag(self, selector: str, *places: tuple[float, float]) -> None:
        """Presses at the first of the places, shares of the element's box, and releases at the
        last."""
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        box = self.run(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]",
            selector,
        )
        moves = [
            {
                "type": "pointerMove",
                "duration": 40 * (i > 0),
                "x": round(box[0] + x * box[2]),
                "y": round(box[1] + y * box[3]),
            }
            for i, (x, y) in enumerate(places)
        ]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        actions = [moves[0], down, *moves[1:], up]
        mouse = {
            "type": "pointer",
            "id": "mouse",
            "parameters": {"pointerType": "mouse"},
            "actions": actions,
        }
        self.command("POST", "/actions", {"actions": [mouse]})

    def log(self) -> list[dict[str, Any]]:
        """What the page wrote to the console since the last call."""
        return self.command("POST", "/se/log", {"type": "browser"})

    def screen(self, width: int, height: int, **features: str) -> None:
        """Sets the size of the page, and media features such as prefers_color_scheme."""
        media = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        for name, params in (
            ("Emulation.setDeviceMetricsOverride", metrics),
            ("Emulation.setEmulatedMedia", {"features": media}),
        ):
            self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": params})

    def close(self) -> None:
        self.command("DELETE", "")


@contextmanager
def chromedriver() -> Iterator[str]:
    """The address of a running chromedriver."""
    process = subprocess.Popen(
        [shutil.which("chromedriver"), "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = iter(process.stdout.readline, "")
        found = (re.search(r"started successfully on port (\d+)", line) for line in lines)
        yield f"http://127.0.0.1:{next(filter(None, found))[1]}"
    finally:
        process.terminate()
        process.communicate()


# ---- the page ------------------------------------------------------------------------------------


@contextmanager
def opened_page(browser: Browser, url: str) -> Iterator[Browser]:
    """The page, ready; there must be nothing in its console at the end."""
    browser.screen(1360, 1000)
    browser.open(url)
    assert browser.wait("document.body.dataset.ready") == "yes"
    yield browser
    browser.run("sessionStorage.clear()")  # the next page begins with points of its own
    assert browser.log() == []
    assert browser.run("return document.getElementById('problem').hidden")


GREY = """
    (selector) => {
      const canvas = document.querySelector(selector);
      const {width, height} = canvas;
      const context = new OffscreenCanvas(width, height).getContext("2d");
      context.drawImage(canvas, 0, 0);
      const {data} = context.getImageData(0, 0, width, height);
      return JSON.stringify([...data.filter((_, i) => i % 4 === 0)]);
    }"""


def picture(page: Browser, selector: str = "#picture") -> list[int]:
    """The grey levels of a canvas, row by row."""
    return json.loads(page.run(f"return ({GREY})(arguments[0])", selector))


def as_text(levels: list[int] | bytes) -> str:
    return json.dumps(list(levels), separators=(",", ":"))


def wait_for_picture(page: Browser, levels: bytes, selector: str = "#picture") -> None:
    """Waits until a canvas has these grey levels."""
    assert page.wait(f"({GREY})(args[0]) === args[1]", selector, as_text(levels))
