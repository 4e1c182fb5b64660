"""A server with the console, somebody to speak into its microphone, and a Chromium to show it."""

import asyncio
import os
import shutil
import wave
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, async_playwright, expect

from voicehub.audio.formats import Pcm
from voicehub.storage import seed
from voicehub.storage.postgres import Postgres
from voicehub.talk import speech

PASSWORD = "correct horse battery staple"
STEP_S_MAX = 20.0
WIDE = {"width": 1280, "height": 860}
NARROW = {"width": 390, "height": 844}
RATE_HZ = 24_000
# What Chromium says of every answer above 399, and of every socket that does not open.
ANSWERED = ("Failed to load resource", "WebSocket connection to")

expect.set_options(timeout=STEP_S_MAX * 1000)


class Mouth:
    """What the fake microphone hears, from the moment that a page opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._words: dict[str, Pcm] = {}

    def says(self, *parts: str | float) -> None:
        """Words, and seconds of silence between them; then a long silence."""
        pcm = np.concatenate([*map(self._sound, parts), self._sound(120.0)])
        # A new file in the place of the old one: a page that is still open reads that to its end.
        fresh = self.path.with_suffix(".new")
        with wave.open(str(fresh), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(pcm.tobytes())
        fresh.replace(self.path)

    def _sound(self, part: str | float) -> Pcm:
        if not isinstance(part, str):
            return np.zeros(int(RATE_HZ * part), np.int16)
        if part not in self._words:
            self._words[part] = speech(part)
        return self._words[part]


@dataclass
class Site:
    """One server, and the demo's team on it. Ava speaks by the offline engine."""

    url: str
    app: web.Application
    pg: Postgres
    server: TestServer
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        port = self.server.port
        assert port is not None
        return port

    async def ask(self, method: str, path: str, *, who: str = seed.USER_EMAIL, **more: Any) -> Any:
        """The answer of the REST API, as the user of that address has it."""
        async with ClientSession(self.url) as http:
            if who not in self._tokens:
                proof = {"email": who, "password": PASSWORD}
                async with http.post("/v1/auth/login", json=proof) as response:
                    self._tokens[who] = (await response.json())["access_token"]
            headers = {"Authorization": f"Bearer {self._tokens[who]}"}
            async with http.request(method, path, headers=headers, **more) as response:
                assert response.status < 300, await response.text()
                return await response.json() if response.content_length != 0 else None

    async def row(self, is_so: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The newest session's row, once it is so."""
        async with asyncio.timeout(STEP_S_MAX):
            while True:
                async with self.pg.connection() as conn:
                    found = await conn.fetchrow("SELECT * FROM sessions ORDER BY id DESC LIMIT 1")
                if found is not None and is_so(row := dict(found)):
                    return row

    async def ended(self) -> dict[str, Any]:
        """The newest session's row, once it is over and written."""
        return await self.row(
            lambda row: row["status"] in {"completed", "failed"} and "ended_reason" in row["data"]
        )

    async def run(self, sql: str, *arguments: Any) -> Any:
        async with self.pg.connection() as conn:
            return await conn.fetchval(sql, *arguments)


NewSite = Callable[..., Awaitable[Site]]
NewPage = Callable[..., Awaitable[Page]]


def chromium(*flags: str) -> "_Chromium":
    """A Chromium with these flags: `async with chromium(...) as browser`."""
    return _Chromium(flags)


class _Chromium:
    def __init__(self, flags: tuple[str, ...]) -> None:
        self._flags = flags
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Browser:
        player = await self._stack.enter_async_context(async_playwright())
        browser = await player.chromium.launch(
            executable_path=find_chromium(),
            args=[
                *self._flags,
                "--autoplay-policy=no-user-gesture-required",
                # Root's Chromium runs without it or not at all; what it shows is ours alone.
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
            ],
        )
        self._stack.push_async_callback(browser.close)
        return browser

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()


def find_chromium() -> str:
    found = shutil.which("chromium")
    assert found, "These tests need Chromium: apt-get install chromium"
    return found


def listen(page: Page, complaints: list[str]) -> None:
    """Note what goes wrong in the page: what it throws, and what its console says in red."""
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: (
            complaints.append(said.text)
            if said.type == "error" and not said.text.startswith(ANSWERED)
            else None
        ),
    )


async def sign_in(page: Page, site: Site | str, email: str = seed.USER_EMAIL) -> None:
    """By the form, as far as the first page."""
    await page.goto(site if isinstance(site, str) else site.url)
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Talk", exact=True)).to_be_visible()


async def begin(page: Page, site: Site | str, way: str = "Talk to Ava") -> None:
    """Sign in and open a conversation with Ava."""
    await choose(page, site)
    await page.get_by_role("button", name=way).click()
    await expect(page.get_by_role("log")).to_be_visible()


async def choose(page: Page, site: Site | str) -> None:
    await sign_in(page, site)
    await page.get_by_text("Ava", exact=True).click()


async def says(page: Page, state: str) -> None:
    await expect(page.locator(".state")).to_have_text(state)


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Write to the agent").fill(text)
    await page.keyboard.press("Enter")


async def said(page: Page, users: int, agents: int) -> None:
    """Wait until so much stands there, complete, and the agent has spoken."""
    for speaker, count in (("user", users), ("agent", agents)):
        await expect(page.locator(f".said.{speaker} p:not(.growing)")).to_have_count(
            count, timeout=40_000
        )
    await says(page, "Listening")


async def shown(page: Page) -> list[tuple[str, str]]:
    """Who said what, as the page has it."""
    return await page.locator(".said").evaluate_all(
        "all => all.map(each => [each.classList[1], each.querySelector('p').textContent])"
    )


async def times_ms(page: Page) -> list[float]:
    texts = await page.locator(".said time").evaluate_all("all => all.map(each => each.dateTime)")
    return [float(text.removeprefix("PT").removesuffix("S")) * 1000 for text in texts]


async def ears(page: Page) -> dict:
    return await page.evaluate("ears")


async def hang_up(page: Page) -> None:
    await page.get_by_role("button", name="End", exact=True).click()
    await expect(page.get_by_text("The conversation has ended.")).to_be_visible()


def kept(row: dict) -> list[list[str]]:
    return [[line["speaker"], line["transcript"]] for line in row["data"]["transcript"]]
