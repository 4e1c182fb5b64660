"""Conversations that cannot begin or go on, and what the page says then; and speaking by one's own
choice: in writing, muted, by the space bar, by the keyboard alone.
"""

import asyncio

from playwright.async_api import expect

from tests.browser_console import (
    PASSWORD,
    begin,
    choose,
    chromium,
    ears,
    hang_up,
    kept,
    said,
    says,
    shown,
    write,
)
from voicehub.storage import seed

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COUNT = "SELECT count(*) FROM sessions"
TALK = "Talk to Ava"
WRITE = "Write instead"


async def happened(page, kind, times):
    """Wait until an event of that kind has come so often."""
    await page.wait_for_function(
        "([kind, times]) => ears.events.filter(([each]) => each === kind).length >= times",
        arg=[kind, times],
    )


async def starts(page):
    return [at for kind, at in (await ears(page))["events"] if kind == STARTED]


async def test_a_plan_that_is_used_up_ends_the_conversation_with_a_way_on(site, page):
    await site.run("UPDATE plans SET max_audio_tokens = 50, max_text_tokens = 50")
    await begin(page, site, WRITE)
    await write(page, "Tell me a story.")
    await expect(page.get_by_text("The plan's tokens are used up.")).to_be_visible()
    await expect(page.get_by_role("link", name="See what happened")).to_be_visible()
    await expect(page.get_by_role("link", name="See the plan")).to_have_attribute("href", "#/usage")
    assert (await site.ended())["data"]["ended_reason"] == "quota"
    await page.get_by_role("button", name="Talk again").click()
    await page.get_by_text("Ava", exact=True).click()
    await page.get_by_role("button", name=TALK).click()
    await expect(page.get_by_role("alert")).to_contain_text("The plan's tokens are used up.")
    await expect(page.get_by_role("link", name="See the plan")).to_be_visible()


async def test_without_leave_to_the_microphone_one_may_write(site, new_page, shoot):
    page = await new_page(permissions=[])
    await page.context.grant_permissions([])
    await choose(page, site)
    await page.get_by_role("button", name=TALK).click()
    await expect(page.get_by_role("alert")).to_contain_text("does not let this page use the micro")
    await shoot(page, "talk-refused")
    assert await site.run(COUNT) == 0
    await page.get_by_role("button", name=WRITE).click()
    await write(page, "What is two plus three?")
    await said(page, 1, 1)
    on_page = await shown(page)
    await hang_up(page)
    assert kept(await site.ended()) == on_page


async def test_without_a_microphone_the_page_says_so(site, new_page):
    async with chromium() as browser:
        page = await new_page(of=browser)
        await choose(page, site)
        await page.get_by_role("button", name=TALK).click()
        await expect(page.get_by_role("alert")).to_contain_text("No microphone was found.")
        assert await site.run(COUNT) == 0
        await page.context.close()


async def test_at_the_limit_of_open_conversations_the_page_says_what_to_do(new_site, page):
    site = await new_site(VOICEHUB_SESSIONS_PER_USER=1)
    first = await site.ask("POST", "/v1/sessions", json={"agent": "Ava"})
    await choose(page, site)
    await page.get_by_role("button", name=TALK).click()
    await expect(page.get_by_role("alert")).to_contain_text("Too many conversations are open.")
    await site.ask("POST", f"/v1/sessions/{first['id']}/end")
    await page.get_by_role("button", name=TALK).click()
    await says(page, "Listening")
    await hang_up(page)


async def test_an_engine_that_cannot_open_leaves_no_session_behind(site, page):
    await site.run(
        """UPDATE ai_agents SET settings = '{"engine": "nonesuch"}' WHERE name = 'Ava'"""
    )
    await choose(page, site)
    await page.get_by_role("button", name=TALK).click()
    await expect(page.get_by_role("alert")).to_contain_text("The speech engine failed.")
    assert (await site.ended())["data"]["ended_reason"] == "engine"
    await expect(page.get_by_role("button", name=TALK)).to_be_enabled()


async def test_what_is_written_into_a_reply_takes_its_place(site, page, mouth):
    mouth.says(1.0, "What is two plus three?")
    await begin(page, site)
    await said(page, 1, 1)
    await write(page, "Tell me a story.")
    await write(page, "What is ten minus four?")
    await expect(page.locator(".said.user")).to_have_count(3)
    await expect(page.locator(".said.agent").last).to_contain_text("6")
    await says(page, "Listening")
    await expect(page.get_by_role("alert")).to_have_count(0)
    on_page = await shown(page)
    await hang_up(page)
    lines = kept(await site.ended())
    users = [line for line in on_page if line[0] == "user"]
    assert [line for line in lines if line[0] == "user"] == users
    assert lines[-1] == on_page[-1] == ["agent", "That makes 6."]


async def test_muted_nothing_is_heard_but_while_the_space_bar_is_down(site, page, mouth):
    mouth.says(*(["What is two plus three?", 0.4] * 30))
    await begin(page, site)
    await happened(page, STARTED, 1)
    # Words, and not the beginning of one, of which nothing might be understood.
    await page.wait_for_function("() => ears.mine.some(([since, until]) => until - since > 900)")
    await page.get_by_role("button", name="Mute").click()
    await happened(page, STOPPED, 1)
    await said(page, 1, 1)
    heard = await ears(page)
    assert heard["mine"][-1][1] > heard["agents"][-1][0]  # who is muted speaks all the while
    assert len(await starts(page)) == 1
    await page.keyboard.down("Space")
    await happened(page, STARTED, 2)
    # A whole question, after the rest of the one that stood in the middle.
    await page.wait_for_function(
        "at => ears.mine.some(([since, until]) => since > at && until - since > 900)",
        arg=(await starts(page))[1],
    )
    await page.keyboard.up("Space")
    await happened(page, STOPPED, 2)
    await said(page, 2, 2)
    assert len(await starts(page)) == 2
    await hang_up(page)


async def test_the_keyboard_is_enough(site, page, mouth):
    mouth.says(2.0, "What is two plus three?")
    await page.goto(site.url)
    await tab_to(page, "Email")
    await page.keyboard.type(seed.USER_EMAIL)
    await tab_to(page, "Password")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Talk", exact=True)).to_be_visible()
    await expect(page.get_by_role("radio").first).to_be_attached()
    await tab_to(page, "Max")
    await page.keyboard.press("ArrowDown")
    await tab_to(page, TALK)
    await page.keyboard.press("Enter")
    await said(page, 1, 1)
    await tab_to(page, "Write to the agent")
    await page.keyboard.type("What is ten minus four?")
    await page.keyboard.press("Enter")
    await said(page, 2, 2)
    await tab_to(page, "End")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The conversation has ended.")).to_be_visible()
    await tab_to(page, "See what happened")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("That makes 6.")).to_be_visible()


async def tab_to(page, name):
    """Press Tab until the control of that name has the focus."""
    seen = []
    for _ in range(40):
        await page.keyboard.press("Tab")
        seen.append(
            await page.evaluate(
                "(() => { const { ariaLabel, labels, innerText, tagName } = document.activeElement;"
                " return tagName === 'BODY' ? '' : ariaLabel || labels?.[0]?.innerText"
                " || innerText; })()"
            )
        )
        if name in seen[-1]:
            return
    raise AssertionError(f"{name}: {seen}")


async def test_who_leaves_while_it_is_opened_leaves_nothing_open(site, page):
    asked, left = asyncio.Event(), asyncio.Event()

    async def hold(route):
        asked.set()
        await left.wait()
        await route.continue_()

    await choose(page, site)
    await page.route("**/v1/sessions", hold)
    await page.get_by_role("button", name=TALK).click()
    await asked.wait()
    await page.get_by_role("link", name="Agents").click()
    await expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    left.set()
    assert (await site.ended())["data"]["ended_reason"] == "client_close"


async def test_a_paused_conversation_can_be_ended(site, page):
    await begin(page, site)
    await page.get_by_role("button", name="Pause").click()
    await says(page, "Paused")
    await hang_up(page)
    row = await site.ended()
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
