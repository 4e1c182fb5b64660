"""Conversations in the console: what is heard, shown and kept, and what they survive."""

import re

import pytest
from playwright.async_api import expect

from tests.browser_console import begin, ears, hang_up, kept, said, says, shown, times_ms
from tests.faults.proxy import Proxy
from voicehub.keys import REGISTRY

# Between the page's clock and the row's: the ways of the first sample and of an event, and a busy
# machine; with another server also what was said on the way to it, which arrives at once.
APART_MS_MAX = 250
MOVED_MS_MAX = 1_250
# Between the event that the caller speaks and the agent's silence: a cut's fade, and how often the
# ears look.
SILENT_MS_MAX = 150
HEARD_MS_APART_MAX = 500
LATENCY_MS_MAX = 4_000  # of a machine that does other things besides


@pytest.fixture
def tell(pytestconfig, capsys):
    """Prints a measurement, where the test process has a terminal."""
    terminal = pytestconfig.pluginmanager.get_plugin("terminalreporter")

    def write_line(name, value):
        if terminal is not None:
            with capsys.disabled():
                terminal.write_line(f"{name}: {value}")

    return write_line


def apart_ms(at_ms, row):
    """How far the times on the page are from those of the row, at most."""
    lines = row["data"]["transcript"]
    return max(abs(at - line["start_ms"]) for at, line in zip(at_ms, lines, strict=True))


async def test_the_words_and_times_on_the_page_are_those_of_the_row(site, page, mouth, shoot, tell):
    mouth.says(
        *(1.0, "What is two plus three?", 3.5, "What is ten minus four?", 3.5),
        "How much is three times three?",
    )
    await begin(page, site)
    await said(page, 3, 3)
    # How long each reply took stands beside it.
    took = page.locator(".said.agent small").filter(has_text=re.compile(r"· after \d\.\d s"))
    await expect(took).to_have_count(3)
    await shoot(page, "talk-live")
    on_page, at_ms, heard = await shown(page), await times_ms(page), await ears(page)
    await hang_up(page)
    await shoot(page, "talk-over")
    row = await site.ended()
    answer = await site.ask("GET", f"/v1/sessions/{row['id']}")
    assert kept(answer) == on_page
    assert [speaker for speaker, _ in on_page] == ["user", "agent"] * 3
    assert apart_ms(at_ms, answer) <= APART_MS_MAX
    assert (row["status"], row["data"]["ended_reason"]) == ("completed", "client_close")
    waits_ms = [
        next(since for since, _ in heard["agents"] if since > until) - until
        for _, until in heard["mine"]
    ]
    tell("from the end of what is said to the reply, in ms", [round(each) for each in waits_ms])
    assert max(waits_ms) < LATENCY_MS_MAX


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
    began_at = next(since for since, _ in heard["agents"])
    heard_ms = lines[1]["end_ms"] - lines[1]["start_ms"]
    # What plays begins with a little silence.
    assert 0 <= heard_ms - (silent_at - began_at) < HEARD_MS_APART_MAX


async def test_a_pause_stops_the_clock_and_the_same_session_goes_on(site, page, mouth, shoot):
    mouth.says(1.0, "What is two plus three?", 7.0, "What is ten minus four?")
    await begin(page, site)
    await said(page, 1, 1)
    await page.get_by_role("button", name="Pause").click()
    await says(page, "Paused")
    paused = await site.row(lambda row: row["status"] == "paused")
    time = page.locator(".facts dd").first
    stood = await time.inner_text()
    await shoot(page, "talk-paused")
    assert await time.inner_text() == stood
    assert (await site.row())["duration_minutes"] == paused["duration_minutes"]
    await page.get_by_role("button", name="Resume").click()
    await said(page, 2, 2)
    on_page, at_ms = await shown(page), await times_ms(page)
    await hang_up(page)
    row = await site.ended()
    assert row["id"] == paused["id"]
    assert kept(row) == on_page
    assert apart_ms(at_ms, row) <= APART_MS_MAX
    first, second = row["data"]["legs"]
    paused_s = (second["wall_ms"] - first["wall_ms"] - second["at_ms"]) / 1000
    there_s = (row["ended_at"] - row["started_at"]).total_seconds()
    assert paused_s > 0
    assert float(row["duration_minutes"]) * 60 == pytest.approx(there_s - paused_s, abs=0.5)


async def test_a_conversation_goes_on_after_the_network_was_gone(site, page, mouth):
    mouth.says(1.0, "Tell me a joke.", 10.0, "What is two plus three?")
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
    reply = row["data"]["transcript"][1]
    (began_at, _), *_, (_, ended_at) = [
        each for each in heard["agents"] if each[0] < heard["mine"][1][0]
    ]
    assert ended_at - began_at < reply["end_ms"] - reply["start_ms"]  # nothing was heard twice
    assert not reply["interrupted"]


async def test_who_hangs_up_while_the_network_is_gone_is_done(site, page):
    async with Proxy(site.port) as proxy:
        await begin(page, f"http://127.0.0.1:{proxy.port}")
        await proxy.refuse()
        await says(page, "The connection was lost. Coming back…")
        await hang_up(page)
        await proxy.accept()
    await site.ask("POST", f"/v1/sessions/{(await site.row())['id']}/end")


async def test_a_conversation_goes_on_at_another_server(new_site, page, mouth):
    mouth.says(1.0, "What is two plus three?", 7.0, "What is ten minus four?")
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
    assert apart_ms(at_ms, row) <= MOVED_MS_MAX
