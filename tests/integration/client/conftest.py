"""The Python client on the real server, behind a proxy that breaks and switches."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.faults.proxy import Proxy
from tests.integration.live.conftest import NewSite, Site
from tests.integration.live.conftest import new_site as new_site  # noqa: PLC0414  # a fixture
from tests.realtime import STEP_S_MAX, Puppet
from voicehub.client import Api, Conversation, Event, Notice, Observer

GRACE_S = 30


@dataclass
class Line:
    """A conversation, and what it said of itself."""

    talk: Conversation
    session_id: int
    events: list[Event]
    notices: list[Notice]
    _grown: asyncio.Event

    @property
    def of_connection(self) -> list[str]:
        return [type(notice).__name__ for notice in self.notices]

    async def told(self, kind: type[Notice], times: int = 1) -> Notice:
        """Wait for so many notices of the kind; returns the last."""
        async with asyncio.timeout(STEP_S_MAX):
            while len(found := [each for each in self.notices if isinstance(each, kind)]) < times:
                self._grown.clear()
                await self._grown.wait()
        return found[-1]


@dataclass
class Exchange:
    """Servers, of which one is behind the proxy."""

    proxy: Proxy
    sites: list[Site]
    http: aiohttp.ClientSession
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}"

    def switch(self, site: Site) -> None:
        """Who connects from now on comes to `site`."""
        self.proxy.to_port = site.client.port

    async def api(self) -> Api:
        return Api(self.http, self.url, await self.sites[0].token())

    async def line(self, session: dict[str, Any] | None = None, **more: Any) -> Line:
        """Somebody who is silent, or says what a test lets them say."""
        session = session or await (await self.api()).open_session("Ava")
        events: list[Event] = []
        notices: list[Notice] = []
        grown = asyncio.Event()

        def notice(each: Notice) -> None:
            notices.append(each)
            grown.set()

        talk = Conversation(
            self.http,
            session["url"],
            session["client_secret"]["value"],
            observer=Observer(event=events.append, notice=notice),
            **more,
        )
        line = Line(
            await self._stack.enter_async_context(talk), session["id"], events, notices, grown
        )
        await talk.wait_for("session.created")
        return line

    async def hang_up(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def exchange(new_site: NewSite) -> AsyncIterator[Exchange]:
    """Two servers on the same stores; the first is behind the proxy."""
    sites = [await new_site(VOICEHUB_GRACE_S=GRACE_S) for _ in range(2)]
    async with Proxy(sites[0].client.port) as proxy, aiohttp.ClientSession() as http:
        made = Exchange(proxy, sites, http)
        try:
            yield made
        finally:
            await made.hang_up()


async def announce(engine: Puppet, number: int) -> None:
    """Begin a reply whose audio voicehub.v1 sends as binary messages."""
    await engine.begin_reply(number)
    item = {"id": f"reply_{number}", "type": "message", "role": "assistant", "content": []}
    kind = "response.output_item.added"
    await engine.say(kind, response_id=f"resp_{number}", output_index=0, item=item)
