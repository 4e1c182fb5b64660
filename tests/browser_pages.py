"""Every page of the console, how one gets there, and what is wrong with how it is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser_console import Site
from tests.browser_rows import Rows

_AXE = Axe()
_OPTIONS = {"resultTypes": ["violations"]}


@dataclass(frozen=True)
class Place:
    name: str
    address: Callable[[Rows], str]
    """What stands behind the `#`."""
    sign: str
    """A selector of what is there once the page is."""
    press: str = ""
    """A button that shows more of it."""

    async def show(self, page: Page, site: Site, rows: Rows) -> None:
        await page.goto(f"{site.url}/#{self.address(rows)}")
        if self.press:
            await page.get_by_role("button", name=self.press, exact=True).click()
        await expect(page.locator(self.sign).first).to_be_visible()
        await expect(page.locator(".bones")).to_have_count(0)


PAGES = (
    Place("talk", lambda _: "/talk", ".agent-card"),
    Place("sessions", lambda _: "/sessions", "tbody tr"),
    Place("session", lambda rows: f"/sessions/{rows.session_id}", ".waves[aria-busy=false]"),
    Place("session-live", lambda rows: f"/sessions/{rows.live_id}", ".events li"),
    Place("agents", lambda _: "/agents", ".agent-card"),
    Place("agent-new", lambda _: "/agents/new", "form"),
    Place("agent", lambda rows: f"/agents/{rows.agent_id}", "form"),
    Place("usage", lambda _: "/usage", ".plot canvas"),
    Place("usage-agent", lambda _: "/usage", ".table-box td", press="Agent"),
    Place("health", lambda _: "/admin/health", ".badge.good"),
    Place("live", lambda _: "/admin/live", "tbody tr"),
    Place("teams", lambda _: "/admin/teams", "tbody tr"),
    Place("team", lambda rows: f"/admin/team-{rows.team_id}", "table"),
    Place("users", lambda _: "/admin/users", "tbody tr"),
    Place("plans", lambda _: "/admin/plans", "tbody tr"),
    Place("subscriptions", lambda _: "/admin/subscriptions", "tbody tr"),
    Place("missing", lambda _: "/nowhere", ".empty"),
)


async def complaints(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe has to say by these rules, or by all: each that is broken, and where."""
    options = {**_OPTIONS, **({"runOnly": list(rules)} if rules else {})}
    found = await _AXE.run(page, options=options)
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


async def is_scrolled_sideways(page: Page) -> bool:
    """Whether the page, and not a table within it, is wider than its window."""
    script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(await page.evaluate(script))
