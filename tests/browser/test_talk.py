"""Conversations in the console: what is heard, shown and kept, and what they survive."""

from playwright.async_api import expect

from tests.browser_console import sign_in


async def test_words_on_the_page_are_the_words_of_the_row(site, page, mouth):
    mouth.says(1.5, "Hello, who are you?")
    await sign_in(page, site)
    await page.get_by_text("Ava", exact=True).click()
    await page.get_by_role("button", name="Talk to Ava").click()
    log = page.get_by_role("log")
    await expect(log.locator(".said.user")).to_have_count(1)
    await expect(log.locator(".said.agent")).to_have_count(1)
