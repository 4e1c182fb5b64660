"""How the pages look: for every eye and every width, with nothing in them and with too much."""

import pytest
from playwright.async_api import expect

from tests.browser_console import NARROW, WIDE, sign_in
from tests.browser_pages import PAGES, complaints, is_scrolled_sideways
from voicehub.storage import seed


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_page_is_for_every_eye_and_width(new_page, site, rows, screenshots, theme):
    page = await new_page(color_scheme=theme)
    await page.goto(site.url)
    await expect(page.get_by_label("Email")).to_be_visible()
    found = await _looked_at(page, screenshots, f"sign-in-{theme}")
    await sign_in(page, site, seed.ADMIN_EMAIL)
    for each in PAGES:
        await page.set_viewport_size(WIDE)
        await each.show(page, site, rows)
        found += await _looked_at(page, screenshots, f"{each.name}-{theme}")
    assert not found, "\n".join(found)


async def _looked_at(page, screenshots, name):
    found = []
    for size in (WIDE, NARROW):
        await page.set_viewport_size(size)
        here = f"{name}-{size['width']}"
        await page.screenshot(path=screenshots / f"{here}.png", full_page=True)
        found += [f"{here}: {each}" for each in await complaints(page)]
        if await is_scrolled_sideways(page):
            found.append(f"{here}: it is wider than the screen")
    return found
