"""A real browser for the tests of the page: headless Chromium, driven over its own debugging protocol."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

__all__ = ["CHROMIUM", "Tab", "opened", "tabs"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Tab:
    """One tab: JavaScript evaluated, keys pressed, pictures taken, and what went wrong in it kept."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        told = await asyncio.wait_for(answer, 60)
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        result: dict[str, Any] = told["result"]
        return result

    async def open(self, address: str, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Show a page in a window of a size, and wait for it."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call("Page.navigate", url=address)
        for _ in range(300):
            if await self.run("document.readyState === 'complete' && location.href !== 'about:blank'"):
                return
            await asyncio.sleep(0.1)

    async def run(self, code: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return what an expression comes to in the page."""
        told = await self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{code}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def press(self, *keys: str, held: int = 0) -> None:
        """Press keys, one after the other; a key that is held is repeated so many times, as by a keyboard."""
        for key in keys:
            text = {"text": key if len(key) == 1 else "\r"} if len(key) == 1 or key == "Enter" else {}
            for number in range(held + 1):
                down = {"type": "keyDown", "key": key, "autoRepeat": number > 0, **text}
                await self.call("Input.dispatchKeyEvent", **down)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        place = f"document.querySelector({selector!r})"
        await self.run(f"{place}.scrollIntoView({{ block: 'center' }})")
        middle = "({ x, y, width, height }) => [x + width / 2, y + height / 2]"
        box = await self.run(f"({middle})({place}.getBoundingClientRect())")
        at: dict[str, Any] = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **at)

    async def picture(self) -> bytes:
        """Return what is to be seen, as PNG."""
        told = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(told["data"])

    async def _read(self) -> None:
        async for message in self._socket:
            told = message.json()
            if told.get("id") in self._answers:
                self._answers.pop(told["id"]).set_result(told)
                continue
            given = told.get("params", {})
            if told.get("method") == "Runtime.exceptionThrown":
                self.problems.append(str(given["exceptionDetails"]))
            elif told.get("method") == "Log.entryAdded" and given["entry"]["level"] == "error":
                self.problems.append(str(given["entry"]["text"]))
            elif told.get("method") == "Network.requestWillBeSent":
                self.requests.append(str(given["request"]["url"]))


@asynccontextmanager
async def opened() -> AsyncIterator[Tab]:
    """Start a browser with a profile of its own, and end it afterwards."""
    async with tabs(1) as (tab,):
        yield tab


@asynccontextmanager
async def tabs(count: int) -> AsyncIterator[list[Tab]]:
    """Start a browser with some tabs of one profile."""
    if CHROMIUM is None:
        raise RuntimeError("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await _port(Path(profile))
            async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
                for _ in range(count - 1):
                    async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                        answer.raise_for_status()
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [page for page in await answer.json() if page["type"] == "page"]
                addresses = [page["webSocketDebuggerUrl"] for page in pages]
                sockets = [session.ws_connect(address, max_msg_size=0) for address in addresses]
                yield [
                    await stack.enter_async_context(Tab(await stack.enter_async_context(socket)))
                    for socket in sockets
                ]
        finally:
            process.terminate()
            await process.wait()


async def _port(profile: Path) -> int:
    """Return the port that the browser chose, once it has."""
    file = profile / "DevToolsActivePort"
    for _ in range(300):
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) > 1:
            return int(lines[0])
        await asyncio.sleep(0.1)
    raise RuntimeError("Chromium did not open its debugging port within 30 s")
