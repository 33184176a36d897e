"""A headless Chromium, spoken to in its DevTools protocol."""

import asyncio
import base64
import itertools
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

START_TIMEOUT_S = 60
TIMEOUT_S = 30
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Tab:
    """One tab of a browser; what its page writes to the console or throws is kept in ``complaints``."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._socket = socket
        self._session = ""
        self._numbers = itertools.count(1)

    async def open(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Open a page in a new tab."""
        target = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Network"):
            await self._call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._call("Emulation.setEmulatedMedia", features=[scheme])
        await self._call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """Return what a JavaScript expression is in the page."""
        answer = await self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        async with asyncio.timeout(TIMEOUT_S):
            while not await self.evaluate(f"document.readyState === 'complete' && Boolean({expression})"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    async def type_into(self, selector: str, text: str) -> None:
        """Type as a person would, and press Enter."""
        await self.evaluate(f"document.querySelector({selector!r}).focus()")
        await self._call("Input.insertText", text=text)
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self._call("Input.dispatchKeyEvent", type="keyDown", **enter)
        await self._call("Input.dispatchKeyEvent", type="keyUp", **enter)

    async def screenshot(self) -> bytes:
        """Return the whole page as PNG."""
        picture = await self._call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(picture["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - as the protocol wants
        number = next(self._numbers)
        request = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json({**request, "sessionId": self._session} if self._session else request)
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, (method, message["error"])
                    result: dict[str, Any] = message["result"]
                    return result
                self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                self.complaints.append(str(parameters))
            case "Log.entryAdded":
                self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requested.append(parameters["request"]["url"])


@asynccontextmanager
async def chromium() -> AsyncIterator[Tab]:
    """Run a browser with one tab."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("no chromium or google-chrome on the PATH: `make browser` installs one")
    with TemporaryDirectory(prefix="undelivered-browser-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            found,
            *FLAGS,
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            url = await _devtools(process)
            async with ClientSession() as http, http.ws_connect(url, max_msg_size=0) as socket:
                yield Tab(socket)
        finally:
            await _end(process)


async def _devtools(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(START_TIMEOUT_S):
        async for line in process.stderr:
            said += line.decode(errors="replace")
            if found := re.search(r"DevTools listening on (ws://\S+)", said):
                return found[1]
    pytest.fail(f"the browser ended before it listened:\n{said}")


async def _end(process: asyncio.subprocess.Process) -> None:
    # its helpers are processes of their own in the same group
    os.killpg(process.pid, 9)
    await process.communicate()
