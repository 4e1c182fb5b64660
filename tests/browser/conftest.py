"""The console in Chromium, on the real server and stores; its microphone hears what a test says."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, BrowserContext, Page

from tests.browser_console import (
    NARROW,
    PASSWORD,
    STEP_S_MAX,
    WIDE,
    Mouth,
    NewPage,
    NewSite,
    Site,
    chromium,
    listen,
)
from tests.browser_rows import Rows, fill, record
from voicehub.app import create_app
from voicehub.auth.passwords import hash_password
from voicehub.engines.local.engine import LocalEngine
from voicehub.engines.local.models import SpeechModels
from voicehub.engines.local.responder import BuiltInResponder
from voicehub.keys import ENGINES, SPACES
from voicehub.settings import Settings
from voicehub.storage import seed

EARS = Path(__file__).with_name("ears.js")


@pytest.fixture(scope="session")
async def models() -> AsyncIterator[SpeechModels]:
    """The offline engine's, loaded once for all servers of the run."""
    models = await SpeechModels.load()
    yield models
    await models.close()


@pytest.fixture(scope="session")
def password_hash() -> Callable[[str], str]:
    """The one password's, hashed once: it takes its time."""
    hashed = hash_password(PASSWORD)
    return lambda _: hashed


@pytest.fixture(scope="session")
def mouth(tmp_path_factory: pytest.TempPathFactory) -> Mouth:
    mouth = Mouth(tmp_path_factory.mktemp("microphone") / "said.wav")
    mouth.says()
    return mouth


@pytest.fixture(scope="session")
async def browser(mouth: Mouth) -> AsyncIterator[Browser]:
    """One Chromium a run, with a microphone that hears `mouth` where a page may have it."""
    flags = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={mouth.path}",
    ]
    async with chromium(*flags) as browser:
        yield browser


@pytest.fixture
async def new_site(
    store_environment, pg, tmp_path, models, password_hash
) -> AsyncIterator[NewSite]:
    """Starts servers, all on the same stores. Variables of the settings are keyword arguments."""
    async with pg.transaction() as conn:
        await seed.seed(
            conn, hash_password=password_hash, user_password=PASSWORD, admin_password=PASSWORD
        )
        await conn.execute('UPDATE ai_agents SET settings = \'{"engine": "local"}\'')
    known = {
        "VOICEHUB_JWT_KEYS": "k1:" + "s" * 40,
        # Loads no models of its own: the offline engine of all servers is put beside it below.
        "VOICEHUB_ENGINE": "echo",
        "VOICEHUB_SPOOL": tmp_path / "spool",
        "VOICEHUB_ADMIN_EMAILS": seed.ADMIN_EMAIL,
    }
    async with AsyncExitStack() as stack:

        async def start(**variables: Any) -> Site:
            app = create_app(Settings(**{**store_environment, **known, **variables}))
            server = TestServer(app)
            await stack.enter_async_context(server)
            responder = BuiltInResponder()
            app[ENGINES]["local"] = lambda: LocalEngine(models, responder)
            return Site(str(server.make_url("")).rstrip("/"), app, pg, server)

        yield start


@pytest.fixture
async def site(new_site: NewSite) -> Site:
    return await new_site()


@pytest.fixture
async def rows(site: Site) -> Rows:
    """What the demo's team and another have done for three weeks."""
    async with site.pg.transaction() as conn:
        made = await fill(conn)
        await record(site.app[SPACES], conn, made.session_id)
    return made


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    """Opens pages, each of a browser's own profile; options of the context are keyword arguments.

    At the end of the test none of them may have had an error, or broken the page's policy.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def open_page(*, of: Browser = browser, **options: Any) -> Page:
        asked = {"viewport": WIDE, "permissions": ["microphone"], **options}
        context = await of.new_context(**asked)
        context.set_default_timeout(STEP_S_MAX * 1000)
        contexts.append(context)
        page = await context.new_page()
        await page.add_init_script(path=EARS)
        listen(page, complaints)
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.fixture
async def page(new_page: NewPage) -> Page:
    return await new_page()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = os.environ.get("VOICEHUB_SCREENSHOTS")
    path = Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def shoot(screenshots: Path) -> Callable[[Page, str], Awaitable[None]]:
    """Keeps what a page shows, as a desk and as a telephone show it."""

    async def take(page: Page, name: str) -> None:
        for size in (WIDE, NARROW):
            await page.set_viewport_size(size)
            await page.screenshot(path=screenshots / f"{name}-{size['width']}.png", full_page=True)
        await page.set_viewport_size(WIDE)

    return take
