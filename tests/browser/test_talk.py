"""Conversations in the console: what is heard, shown and kept, and what they survive."""

from playwright.async_api import expect

from tests.browser_console import begin, ears, hang_up, kept, said, says, shown, times_ms
from tests.faults.proxy import Proxy
from voicehub.keys import REGISTRY

# Between the page's clock and the row's: the way of the first sample, and of an event.
APART_MS_MAX = 150
# Between the event that the caller speaks and the agent's silence: a cut's fade, and how often the
# ears look.
SILENT_MS_MAX = 100
LATENCY_MS_MAX = 3_000  # of a machine that does other things besides


async def test_the_words_and_times_on_the_page_are_those_of_the_row(site, page, mouth, shoot):
    mouth.says(
        *(1.0, "What is two plus three?", 3.5, "What is ten minus four?", 3.5),
        "How much is three times three?",
    )
    await begin(page, site)
    await said(page, 3, 3)
    await shoot(page, "talk-live")
    on_page, at_ms, heard = await shown(page), await times_ms(page), await ears(page)
    await hang_up(page)
    await shoot(page, "talk-over")
    row = await site.ended()
    answer = await site.ask("GET", f"/v1/sessions/{row['id']}")
    assert kept(answer) == on_page
    assert [speaker for speaker, _ in on_page] == ["user", "agent"] * 3
    apart_ms = [
        abs(page_ms - line["start_ms"])
        for page_ms, line in zip(at_ms, answer["data"]["transcript"], strict=True)
    ]
    assert max(apart_ms) <= APART_MS_MAX, apart_ms
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    # From the end of what was said to the first sound of the reply, by the ear.
    print(
        [next(a[0] for a in heard["agents"] if a[0] > end) - end for _, end in heard["mine"]],
        apart_ms,
        heard["mine"],
        heard["agents"],
    )


async def test_who_speaks_up_is_heard_at_once(site, page, mouth):
    mouth.says(1.0, "Tell me a story.", 4.0, "What is two plus three?")
    await begin(page, site)
    await said(page, 2, 2)
    heard = await ears(page)
    spoke_at = [at for kind, at in heard["events"] if kind == "input_audio_buffer.speech_started"]
    silent_at = max(until for since, until in heard["agents"] if since < spoke_at[1])
    assert silent_at - spoke_at[1] < SILENT_MS_MAX
    await expect(page.locator(".said.agent small").first).to_contain_text("interrupted")
    on_page = await shown(page)
    await hang_up(page)
    lines = (await site.ended())["data"]["transcript"]
    assert [line["interrupted"] for line in lines] == [False, True, False, False]
    assert lines[1]["transcript"]
    assert on_page[1][1].startswith(lines[1]["transcript"])
    assert len(lines[1]["transcript"]) < len(on_page[1][1])
    heard_ms = lines[1]["end_ms"] - lines[1]["start_ms"]
    began_at = next(since for since, _ in heard["agents"])
    print(heard_ms, silent_at - began_at, silent_at - spoke_at[1])


async def test_a_pause_stops_the_clock_and_the_same_session_goes_on(site, page, mouth):
    mouth.says(1.0, "What is two plus three?", 6.0, "What is ten minus four?")
    await begin(page, site)
    await said(page, 1, 1)
    await page.get_by_role("button", name="Pause").click()
    await says(page, "Paused")
    row = await site.row(lambda row: row["status"] == "paused")
    time = page.locator(".facts dd").first
    stood = await time.inner_text()
    await page.get_by_role("button", name="Resume").click()
    await said(page, 2, 2)
    print(stood, row)
    on_page, at_ms = await shown(page), await times_ms(page)
    await hang_up(page)
    ended = await site.ended()
    assert ended["id"] == row["id"]
    assert kept(ended) == on_page
    print(at_ms, [line["start_ms"] for line in ended["data"]["transcript"]], ended)


async def test_a_conversation_goes_on_after_the_network_was_gone(site, page, mouth):
    mouth.says(1.0, "Tell me a joke.", 13.0, "What is two plus three?")
    async with Proxy(site.port) as proxy:
        await begin(page, f"http://127.0.0.1:{proxy.port}")
        await says(page, "Speaking")
        await proxy.refuse()
        await says(page, "The connection was lost. Coming back…")
        await proxy.accept()
        await said(page, 2, 2)
        on_page, heard = await shown(page), await ears(page)
        await hang_up(page)
    row = await site.ended()
    assert kept(row) == on_page
    assert [speaker for speaker, _ in on_page] == ["user", "agent"] * 2
    print(heard["agents"], on_page, row["data"]["transcript"])


async def test_a_conversation_goes_on_at_another_server(new_site, page, mouth):
    mouth.says(1.0, "What is two plus three?", 8.0, "What is ten minus four?")
    old, new = await new_site(), await new_site()
    async with Proxy(old.port) as proxy:
        await begin(page, f"http://127.0.0.1:{proxy.port}")
        await said(page, 1, 1)
        proxy.to_port = new.port
        await old.app[REGISTRY].drain(10.0)
        await said(page, 2, 2)
        on_page, at_ms = await shown(page), await times_ms(page)
        await hang_up(page)
    row = await new.ended()
    assert len(row["data"]["legs"]) == 2
    assert kept(row) == on_page
    print(at_ms, [line["start_ms"] for line in row["data"]["transcript"]])
