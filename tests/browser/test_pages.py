"""What one does on the pages: hear a session, write agents, watch usage, run the platform."""

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser_console import sign_in
from tests.browser_rows import ANSWERS, QUESTIONS
from voicehub.jobs.words import read_words
from voicehub.storage import seed

SECONDS_OFF_MAX = 0.2
BEAT_MS = 5_000  # in which a list of sessions looks at those that run
PLAYED = """([seconds]) => {
    const audio = document.querySelector('audio');
    return !audio.paused && audio.currentTime > seconds;
}"""
REMEMBER_SEEK = """() => {
    const audio = document.querySelector('audio');
    audio.addEventListener('seeked', () => (window.soughtTo = audio.currentTime), { once: true });
}"""
COLOURED = """() => {
    const canvas = document.querySelector('.waves');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const rows = [];
    for (let y = 0; y < canvas.height; y += 1) {
        let drawn = 0;
        for (let x = 0; x < canvas.width; x += 1) {
            drawn += data[4 * (y * canvas.width + x) + 3] > 60;
        }
        rows.push(drawn);
    }
    const half = Math.floor(rows.length / 2);
    const sum = (part) => part.reduce((one, other) => one + other, 0);
    return [sum(rows.slice(0, half - 1)), sum(rows.slice(half + 1))];
}"""


@pytest.fixture
async def admin_page(page, site, rows):
    await sign_in(page, site, seed.ADMIN_EMAIL)
    return page


@pytest.fixture
async def user_page(page, site, rows):
    await sign_in(page, site)
    return page


async def visit(page, site, address):
    await page.goto(f"{site.url}/#{address}")


async def test_sessions_are_found_by_status_agent_and_words(user_page, site, rows):
    await read_words(site.pg)
    await visit(user_page, site, "/sessions")
    lines = user_page.locator("tbody tr:not(.matches)")
    await expect(lines).to_have_count(22)
    await user_page.get_by_label("Status").select_option("Failed")
    await expect(lines).to_have_count(1)
    await user_page.get_by_label("Status").select_option("All")
    await user_page.get_by_label("Agent").select_option("Ava")
    await expect(user_page.get_by_role("heading", name="Nothing found")).to_be_visible()
    await user_page.get_by_label("Agent").select_option("Rosa")
    await expect(lines).to_have_count(22)
    await user_page.get_by_label("Words that were said").fill("by the window")
    await user_page.keyboard.press("Enter")
    await expect(lines).to_have_count(1)
    await expect(user_page.locator(".matches li").first).to_contain_text(QUESTIONS[1])
    await lines.first.click()
    await expect(
        user_page.get_by_role("heading", name=f"Session #{rows.session_id}")
    ).to_be_visible()


async def test_a_session_that_runs_changes_in_the_list_by_itself(user_page, site, rows):
    await user_page.clock.install()
    await visit(user_page, site, "/sessions")
    line = user_page.locator("tbody tr", has_text=f"#{rows.live_id}")
    await expect(line).to_contain_text("Live")
    await site.run(
        "UPDATE sessions SET status = 'completed', ended_at = now(), duration_minutes = 7"
        " WHERE id = $1",
        rows.live_id,
    )
    await user_page.clock.fast_forward(BEAT_MS)
    await expect(line).to_contain_text("Completed")
    await expect(line.get_by_role("cell", name="7", exact=True)).to_be_visible()


async def test_a_line_that_is_clicked_is_heard_and_marked(user_page, site, rows):
    await visit(user_page, site, f"/sessions/{rows.session_id}")
    lines = user_page.locator(".transcript .line")
    await expect(lines).to_have_count(len(QUESTIONS) + len(ANSWERS))
    for index, (asked, answered) in enumerate(zip(QUESTIONS, ANSWERS, strict=True)):
        await expect(lines.nth(2 * index)).to_contain_text(asked)
        await expect(lines.nth(2 * index + 1)).to_contain_text(answered)
    await expect(user_page.locator(".waves[aria-busy=false]")).to_be_visible()
    above, below = await user_page.evaluate(COLOURED)
    assert min(above, below) > 500  # both voices are drawn, each on its side
    await user_page.evaluate(REMEMBER_SEEK)
    await lines.nth(4).click()
    await user_page.wait_for_function(PLAYED, arg=[16.0])
    assert abs(await user_page.evaluate("soughtTo") - 16.0) < SECONDS_OFF_MAX
    await expect(lines.nth(4)).to_have_class("line user now")
    await expect(user_page.locator(".line.now")).to_have_count(1)
    await user_page.get_by_role("button", name="Pause").click()
    place = user_page.get_by_role("slider", name="Place in the recording")
    await place.press("Home")
    await expect(lines.nth(0)).to_have_class("line user now")
    await place.press("ArrowRight")
    await expect(place).to_have_attribute("aria-valuetext", "0:05 of 0:24")
    await expect(lines.nth(1)).to_have_class("line agent now")


async def test_a_session_is_saved_judged_and_deleted(user_page, site, rows):
    await visit(user_page, site, f"/sessions/{rows.session_id}")
    for name, ending, begins in (
        ("JSON", ".json", b"{"),
        ("Text", ".txt", b""),
        ("SRT", ".srt", b"1\n"),
        ("WebVTT", ".vtt", b"WEBVTT"),
        ("vCon", ".vcon", b"{"),
    ):
        async with user_page.expect_download() as saving:
            await user_page.get_by_role("button", name=name, exact=True).click()
        saved = await saving.value
        content = (await saved.path()).read_bytes()
        assert saved.suggested_filename.endswith(ending), saved.suggested_filename
        assert content.startswith(begins)
        assert ANSWERS[-1].encode() in content
    await user_page.get_by_title("5 of 5").click()
    await user_page.get_by_label("Comment").fill("Quick & kind.")
    await user_page.get_by_role("button", name="Send").click()
    await expect(user_page.locator("blockquote", has_text="Quick & kind.")).to_be_visible()
    given = await site.ask("GET", f"/v1/feedbacks?session_id={rows.session_id}")
    newest = given["data"][0]
    assert (newest["rating"], newest["comment"]) == (5, "Quick & kind.")
    await user_page.get_by_role("button", name="Delete this session…").click()
    await user_page.get_by_role("button", name="Delete", exact=True).click()
    await expect(user_page.get_by_role("heading", name="Sessions")).to_be_visible()
    assert await site.run("SELECT count(*) FROM sessions WHERE id = $1", rows.session_id) == 0


async def test_an_agent_is_written_tried_deleted_and_restored(admin_page, site, rows):
    await visit(admin_page, site, "/agents/new")
    await admin_page.get_by_label("Name").fill("Otto")
    await admin_page.get_by_label("Description").fill("Knows the timetable.")
    await admin_page.get_by_label("Persona").fill("You are Otto.")
    await admin_page.get_by_label("Instructions").fill("Be brief.")
    await admin_page.get_by_text("Voice and turns").click()
    await admin_page.get_by_label("Engine").fill("local")
    await admin_page.get_by_label("A turn is over").select_option("after a silence")
    await admin_page.get_by_role("button", name="Create").click()
    await expect(admin_page.get_by_role("heading", name="Otto")).to_be_visible()
    agent_id = admin_page.url.rpartition("/")[2]
    made = await site.ask("GET", f"/v1/agents/{agent_id}", who=seed.ADMIN_EMAIL)
    assert (made["name"], made["persona_prompt"]) == ("Otto", "You are Otto.")
    assert made["settings"]["engine"] == "local"

    await admin_page.get_by_role("button", name="Write", exact=True).click()
    await admin_page.get_by_label("Write to the agent").fill("When is the train?")
    await admin_page.keyboard.press("Enter")
    await expect(admin_page.locator(".said.user")).to_contain_text("When is the train?")
    await expect(admin_page.locator(".said.agent").first).to_be_visible()
    await admin_page.get_by_role("button", name="End", exact=True).click()
    await expect(admin_page.get_by_role("link", name="See what happened")).to_be_visible()

    await admin_page.get_by_role("button", name="Delete…").click()
    await admin_page.get_by_role("button", name="Delete", exact=True).click()
    await expect(admin_page.get_by_role("heading", name="Agents")).to_be_visible()
    tiles = admin_page.locator(".agent-card")
    await expect(tiles).to_have_count(3)
    await admin_page.get_by_role("button", name="Deleted agents").click()
    await admin_page.get_by_role("button", name="Restore").click()
    await expect(tiles.filter(has_text="Otto")).to_be_visible()


async def test_who_saves_second_decides_what_stays(user_page, site, rows):
    path = f"/v1/agents/{rows.agent_id}"
    await visit(user_page, site, f"/agents/{rows.agent_id}")
    description = user_page.get_by_label("Description")
    save = user_page.get_by_role("button", name="Save", exact=True)
    await expect(save).to_be_disabled()
    await description.fill("Mine.")
    await save.click()
    await expect(user_page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    assert (await site.ask("GET", path))["description"] == "Mine."

    await site.ask("PATCH", path, json={"description": "Theirs."})
    await description.fill("Mine again.")
    await save.click()
    await expect(user_page.get_by_role("alert")).to_be_visible()
    await user_page.get_by_role("button", name="Show what is there now").click()
    await expect(description).to_have_value("Theirs.")

    await site.ask("PATCH", path, json={"name": "Rosalind"})
    await description.fill("Mine after all.")
    await save.click()
    await user_page.get_by_role("button", name="Save mine over it").click()
    await expect(user_page.get_by_role("alert")).to_have_count(0)
    found = await site.ask("GET", path)
    assert (found["name"], found["description"]) == ("Rosa", "Mine after all.")


async def test_usage_is_shown_by_day_agent_and_user(user_page, site, rows):
    await visit(user_page, site, "/usage")
    await expect(user_page.locator(".plot canvas")).to_be_visible()
    await user_page.get_by_role("button", name="30 days").click()
    by_day = user_page.get_by_role("table", name="Tokens by day").locator("tbody tr")
    await expect(by_day).to_have_count(21)
    figures = user_page.locator(".figures")
    used = await site.run("SELECT sum(audio_tokens)::bigint FROM usage_days")
    await expect(figures).to_contain_text(f"Audio tokens{used:,}")
    await user_page.get_by_role("button", name="User", exact=True).click()
    ranked = user_page.locator(".bar-cell").locator("xpath=..")
    await expect(ranked).to_have_count(2)
    await expect(ranked.first).to_contain_text("Grace Hopper")
    await user_page.get_by_role("button", name="Agent", exact=True).click()
    await expect(ranked).to_have_count(1)
    await expect(ranked.first).to_contain_text(f"Rosa{used:,}")


async def test_a_plan_is_changed_cancelled_and_kept(admin_page, site, rows):
    await visit(admin_page, site, "/usage")
    current = admin_page.locator(".plan.current")
    await expect(current).to_contain_text("Business")
    await admin_page.get_by_role("button", name="Choose Team").click()
    await expect(current).to_contain_text("Team")
    query = "SELECT plan_id FROM subscriptions WHERE team_id = $1"
    assert await site.run(query, rows.team_id) == rows.plan_id
    await admin_page.get_by_role("button", name="Cancel the subscription…").click()
    await admin_page.get_by_role("button", name="Cancel it").click()
    keep = admin_page.locator(".note.warn").get_by_role("button", name="Keep it")
    await expect(keep).to_be_visible()
    ending = "SELECT cancel_at_period_end FROM subscriptions WHERE team_id = $1"
    assert await site.run(ending, rows.team_id)
    await keep.click()
    await expect(keep).to_have_count(0)
    assert not await site.run(ending, rows.team_id)
    await admin_page.get_by_text("Changes", exact=True).click()
    await expect(admin_page.get_by_role("cell", name="Kept after all")).to_be_visible()


async def test_who_may_not_pay_is_told_so(user_page, site, rows):
    await visit(user_page, site, "/usage")
    await user_page.get_by_role("button", name="Choose Team").click()
    await expect(user_page.get_by_role("alert")).to_be_visible()
    await expect(user_page.locator(".plan.current")).to_contain_text("Business")


async def test_an_admin_makes_a_team_with_users_and_a_plan(admin_page, site, rows):
    page = admin_page
    await visit(page, site, "/admin/teams")
    await page.get_by_label("Name").fill("harbour")
    await page.get_by_label("Label").fill("Harbour Café")
    await page.get_by_role("button", name="New team").click()
    await expect(page.get_by_role("heading", name="Harbour Café")).to_be_visible()
    await page.get_by_label("Plan", exact=True).select_option("Team")
    await page.get_by_role("button", name="Give this plan").click()
    await expect(page.get_by_text("Team, until")).to_be_visible()
    await page.get_by_label("Email").fill("ines@harbour.example")
    await page.get_by_label("Name").fill("Inês")
    await page.get_by_role("button", name="Add", exact=True).click()
    added = page.locator("tr", has_text="ines@harbour.example")
    await expect(added).to_contain_text("Inês")
    await visit(page, site, "/admin/users")
    await page.get_by_label("Email").fill("ines@harbour.example")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="Harbour Café").click()
    await added.get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(added).to_have_count(0)
    await visit(page, site, "/admin/subscriptions")
    await expect(page.locator("tr", has_text="Harbour Café")).to_contain_text("Active")


async def test_an_admin_makes_and_deletes_a_plan(admin_page, site, rows):
    page = admin_page
    await visit(page, site, "/admin/plans")
    for label, value in (("Name", "Summer"), ("Audio tokens", "1000"), ("Text tokens", "2000")):
        await page.get_by_label(label, exact=True).fill(value)
    await page.get_by_role("button", name="New plan").click()
    made = page.locator("tr", has_text="Summer")
    await expect(made).to_contain_text("1,000")
    await made.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(made).to_have_count(0)
    taken = page.locator("tr", has_text="Business")
    await taken.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()


async def test_an_admin_ends_a_session_and_sees_that_all_is_well(admin_page, site, rows):
    opened = await site.ask("POST", "/v1/sessions", json={"agent_id": rows.agent_id})
    secret = {"Authorization": f"Bearer {opened['client_secret']['value']}"}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(opened["url"], headers=secret) as socket,
    ):
        assert (await socket.receive_json())["type"] == "session.created"
        await visit(admin_page, site, "/admin/live")
        line = admin_page.locator("tr", has_text=f"#{opened['id']}")
        await line.get_by_role("button", name="End").click()
        async for _ in socket:
            pass
        await expect(line).to_have_count(0)
    ended = await site.ask("GET", f"/v1/sessions/{opened['id']}")
    assert (ended["status"], ended["data"]["ended_reason"]) == ("completed", "admin")
    await visit(admin_page, site, "/admin/health")
    await expect(admin_page.get_by_text("Ready", exact=True)).to_be_visible()
    for store in ("Postgres", "Redis", "Spaces"):
        await expect(admin_page.get_by_text(store, exact=True)).to_be_visible()
    await admin_page.get_by_role("button", name="Look now").click()
    await expect(admin_page.get_by_text("All is whole")).to_be_visible()
