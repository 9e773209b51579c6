"""The report in a real browser: headless Chromium looks at it in light, dark, on paper and on a small screen.

The pages are those of the example runs, and that of a rehearsal which is run here, on the graph alone.

It listens for console messages, network requests and errors, and computes the contrast of every visible text as painted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import runpy
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from foundation.errors import NotReadyError
from foundation.processes.child import Child
from foundation.processes.readiness import wait_until_ready
from sandtable.document.reading import read_run
from sandtable.report import write_reports
from toolchain import ToolMissingError, resolve

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[3]
EXAMPLES = runpy.run_path(str(REPOSITORY / "tests" / "golden" / "example_run.py"))
FLAGS = [
    "--headless",
    "--no-sandbox",  # the page is our own, and a container has no namespaces for the sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
#: Width of an A4 page without its margins, in CSS pixels.
PAPER_WIDTH = 696

LOW_CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (let at = node; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0.99) return found;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement, style = getComputedStyle(node);
    const hidden = !node.getClientRects().length || ['title', 'desc', 'STYLE'].includes(node.tagName);
    if (hidden || !walker.currentNode.data.trim()) continue;
    const inside = node.namespaceURI.endsWith('svg');
    const [a, b] = [light(parse(inside ? style.fill : style.color)), light(ground(node))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) bad.push(walker.currentNode.data.trim().slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return bad;
})()"""
#: A busy machine paints later than it answers.
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
CUT = """[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1)
  .map(e => e.getAttribute('aria-label') || e.textContent.trim().slice(0, 40))"""


@dataclass
class View:
    """What one way of looking at the page gives."""

    picture: bytes
    low_contrast: list[str]
    ground: str
    overflow: int
    cut: list[str]


@dataclass
class Visit:
    """Everything seen during one visit."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    text: str = ""
    first_focus: str = ""
    scrollers_reached: dict[str, int] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)
    pdf: bytes = b""


class Tab:
    """A minimal speaker of the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, visit: Visit) -> None:
        self._socket, self._visit, self._last = socket, visit, 0

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": parameters})
        while True:
            message = await asyncio.wait_for(self._socket.receive_json(), 120)
            if message.get("id") == self._last:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    async def until(self, event: str) -> None:
        while True:
            message = await asyncio.wait_for(self._socket.receive_json(), 120)
            self._note(message)
            if message.get("method") == event:
                return

    async def evaluate(self, expression: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def _note(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self._visit.requests.append(parameters["request"]["url"])
        elif method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}:
            self._visit.console.append(str(parameters))


async def look(tab: Tab, *, media: str = "screen", scheme: str = "light", width: int = 1280) -> View:
    await tab.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
    await tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    await tab.call("Runtime.evaluate", expression=PAINTED, awaitPromise=True)
    return View(
        picture=base64.b64decode((await tab.call("Page.captureScreenshot", format="png"))["data"]),
        low_contrast=await tab.evaluate(LOW_CONTRAST),
        ground=await tab.evaluate("getComputedStyle(document.body).backgroundColor"),
        overflow=await tab.evaluate("document.documentElement.scrollWidth - innerWidth"),
        cut=await tab.evaluate(CUT),
    )


async def scrollers_reached(tab: Tab) -> int:
    """Count how often the Tab key stops at a region that can be scrolled, on its way through the page."""
    reached = 0
    for _ in range(40):
        await tab.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached += await tab.evaluate("document.activeElement.className === 'wide'")
    await tab.evaluate("document.activeElement.blur()")
    return reached


async def visit(endpoint: str, url: str) -> Visit:
    seen = Visit()
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{endpoint}/json/new?about:blank") as answer:
            target = await answer.json()
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            tab = Tab(socket, seen)
            for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
                await tab.call(f"{domain}.enable")
            await tab.call("Page.navigate", url=url)
            await tab.until("Page.loadEventFired")
            seen.text = await tab.evaluate("document.body.innerText")
            seen.views["light"] = await look(tab)
            await tab.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
            seen.first_focus = await tab.evaluate("document.activeElement.textContent")
            for node in (await tab.call("Accessibility.getFullAXTree"))["nodes"]:
                if not node.get("ignored"):
                    seen.roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
            seen.scrollers_reached["light"] = await scrollers_reached(tab)
            seen.views["dark"] = await look(tab, scheme="dark")
            seen.views["paper"] = await look(tab, media="print", scheme="dark", width=PAPER_WIDTH)
            seen.views["narrow"] = await look(tab, width=400)
            seen.scrollers_reached["narrow"] = await scrollers_reached(tab)
            seen.pdf = base64.b64decode((await tab.call("Page.printToPDF", preferCSSPageSize=True))["data"])
    return seen


@contextmanager
def browser(folder: Path) -> Iterator[str]:
    """Start Chromium and yield the address of its DevTools. Each page has one of its own: a browser that crashed fails no other page."""
    try:
        program = resolve("chromium").path
    except ToolMissingError as error:
        pytest.skip(f"no Chromium here: {error}")
    place = folder / "profile" / "DevToolsActivePort"
    with Child([str(program), *FLAGS, f"--user-data-dir={place.parent}"], log=folder / "chromium.log", grace_s=20) as child:
        try:
            wait_until_ready(child, lambda: place.exists() and len(place.read_text().split()) == 2, within_s=180)
        except NotReadyError as error:
            pytest.fail("\n".join([f"Chromium {error}:", *child.last_lines(20)]))
        yield f"http://127.0.0.1:{place.read_text().split()[0]}"


def rehearsed(root: Path) -> Path:
    """Rehearse staging without any tool and without GPUs, which takes seconds; return the folder of the run."""
    shutil.copy(REPOSITORY / "Pulumi.staging.yaml", root)
    bare = {"PATH": str(root), "HOME": str(root), "SANDTABLE_CACHE": str(root / "cache"), "PIP_NO_INDEX": "1"}
    bare |= {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHON"))}
    command = [sys.executable, "-m", "sandtable", "-C", str(root), "rehearse", "staging"]
    done = subprocess.run(command, cwd=REPOSITORY, env=bare, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 4, done.stderr
    (run,) = (root / ".sandtable" / "runs").iterdir()
    return run


@pytest.fixture(scope="module", params=["ship", "hold", "denied", "regression", "inconclusive", "graph-mode", "rehearsed here"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Visit]:
    """Visit the page of each run once; give its verdict with what was seen."""
    root = tmp_path_factory.mktemp("root")
    folder = rehearsed(root) if request.param == "rehearsed here" else EXAMPLES["write"](request.param, root)
    verdict = json.loads((folder / "rehearsal.json").read_text(encoding="utf-8"))["verdict"]
    files = write_reports(read_run(folder), folder)
    with browser(tmp_path_factory.mktemp("browser")) as address:
        return verdict, asyncio.run(visit(address, Path(files.html).resolve().as_uri()))


def distinct_lines(png: bytes) -> int:
    """Return how many different rows of pixels a picture has; an empty page has a handful."""
    at, packed, width = 8, b"", 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IHDR":
            width = struct.unpack(">I", png[at + 8 : at + 12])[0]
            channels = {2: 3, 6: 4}[png[at + 17]]
        elif kind == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, row = zlib.decompress(packed), width * channels + 1
    return len({raw[start : start + row] for start in range(0, len(raw), row)})


def test_it_asks_the_network_for_nothing_and_the_console_stays_empty(seen: tuple[str, Visit]) -> None:
    _, found = seen
    assert [url for url in found.requests if not url.endswith("/report.html")] == []
    assert found.console == []


def test_the_verdict_can_be_read_in_every_view(seen: tuple[str, Visit]) -> None:
    verdict, found = seen
    assert verdict.upper() in found.text.upper()[:400]
    for view, picture in ((view, look.picture) for view, look in found.views.items()):
        assert distinct_lines(picture) > 120, view


def test_every_text_has_enough_contrast(seen: tuple[str, Visit]) -> None:
    assert {view: look.low_contrast for view, look in seen[1].views.items() if look.low_contrast} == {}


def test_the_grounds_are_light_dark_and_white(seen: tuple[str, Visit]) -> None:
    grounds = {view: look.ground for view, look in seen[1].views.items()}
    assert grounds == {
        "light": "rgb(250, 248, 243)",
        "dark": "rgb(21, 22, 26)",
        "paper": "rgb(255, 255, 255)",
        "narrow": "rgb(250, 248, 243)",
    }


def test_a_small_screen_need_not_scroll_sideways_and_paper_cuts_nothing(seen: tuple[str, Visit]) -> None:
    _, found = seen
    assert {view: look.overflow for view, look in found.views.items() if look.overflow > 0} == {}
    assert found.views["paper"].cut == []
    assert found.pdf.startswith(b"%PDF")
    assert len(found.pdf) > 10_000


def test_keyboard_and_screen_reader_find_their_way(seen: tuple[str, Visit]) -> None:
    _, found = seen
    assert found.first_focus == "Skip to the verdict"
    assert {"main", "banner", "contentinfo", "navigation", "heading", "region"} <= found.roles.keys()
    assert all(found.roles["heading"])
    assert all(found.roles.get("image", [])), "every picture has a name"
    assert all(found.roles["region"])
    for view, reached in found.scrollers_reached.items():
        assert bool(reached) is bool(found.views[view].cut), f"{view}: what scrolls is a tab stop, and only that"
