"""What people wrote is text, whatever it holds, and however much of it there is."""

import pytest
from playwright.async_api import expect

from tests.browser_console import NARROW, WIDE, sign_in
from tests.browser_pages import PAGES, is_scrolled_sideways
from tests.browser_rows import Words, fill, record
from voicehub.keys import SPACES
from voicehub.storage import seed

IMAGE = '<img src=x onerror="window.hit=1">'
SCRIPT = "</script><script>window.hit=1</script>"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}txet\N{RIGHT-TO-LEFT ISOLATE} שלום"
EMOJI = "\N{SLIGHTLY SMILING FACE}" * 255
LONG = "Donaudampfschifffahrt" * 12
MARKUP = Words(
    name=f"{IMAGE} Rosa",
    description=f"{SCRIPT}{IMAGE}",
    prompt=f"</textarea>{IMAGE}",
    label=f"{IMAGE}{SCRIPT}",
    person=f"{IMAGE} Grace",
    comment=f"</blockquote>{SCRIPT}{IMAGE}",
    spoken=f"{IMAGE}{SCRIPT} ${{window.hit=1}} <b>bold</b>",
    plan=f"{IMAGE} Team",
)
TOO_MUCH = Words(
    name=EMOJI,
    description=LONG * 3,
    prompt=LONG * 20,
    label=LONG[:255],
    person=RIGHT_TO_LEFT + LONG[:200],
    comment=LONG * 10,
    spoken=f"{RIGHT_TO_LEFT} {EMOJI} {LONG * 4}",
    plan=LONG[:255],
)


@pytest.mark.parametrize("words", [MARKUP, TOO_MUCH], ids=["markup", "too much"])
async def test_what_people_wrote_is_shown_as_text(page, site, screenshots, words, request):
    async with site.pg.transaction() as conn:
        rows = await fill(conn, words)
        await record(site.app[SPACES], conn, rows.session_id)
        await conn.execute("UPDATE team SET label = $1 WHERE id = $2", words.label, rows.team_id)
        await conn.execute(
            "UPDATE users SET display_name = $1 WHERE email = $2", words.person, seed.ADMIN_EMAIL
        )
    await sign_in(page, site, seed.ADMIN_EMAIL)
    found = []
    for each in PAGES:
        for size in (WIDE, NARROW):
            await page.set_viewport_size(size)
            await each.show(page, site, rows)
            here = f"{each.name}-{request.node.callspec.id}-{size['width']}"
            await page.screenshot(path=screenshots / f"{here}.png")
            if await is_scrolled_sideways(page):
                found.append(here)
            assert await page.locator("[onerror], main b b, main script").count() == 0
    assert found == []
    assert await page.evaluate("window.hit") is None
    await page.goto(f"{site.url}/#/sessions/{rows.session_id}")
    await expect(page.locator(".transcript .line").first).to_contain_text(words.spoken)
    await expect(page.locator("blockquote").first).to_contain_text(words.comment)
    await page.goto(f"{site.url}/#/agents/{rows.agent_id}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(words.name)
    await expect(page.get_by_label("Persona")).to_have_value(words.prompt)
    await page.goto(f"{site.url}/#/admin/team-{rows.team_id}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(words.label)
    await expect(page.locator(".who b")).to_have_text(words.person)
