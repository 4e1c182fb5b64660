"""The ways into the console, and out of it."""

import re
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.browser_console import PASSWORD, sign_in
from tests.browser_pages import complaints
from tests.mailbox import Mailbox
from tests.provider import CLIENT_ID, ISSUER, Provider
from voicehub.devserver import console_link
from voicehub.storage import seed

DEMO, ADMIN = seed.USER_EMAIL, seed.ADMIN_EMAIL
NEW_PASSWORD = "wrong mule charger paperclip"
ANYBODY = "If this address has an account, a mail with a link is on its way to it."
STORED = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort()"


@pytest.fixture(scope="module")
def with_keys():
    provider = Provider()
    provider.add_rsa("rsa")
    return provider


@pytest.fixture
async def provider(with_keys):
    with_keys.asked, with_keys.who, with_keys.instead = [], {"email": DEMO}, {}
    async with with_keys.served():
        yield with_keys


@pytest.fixture
async def google_site(new_site, provider):
    return await new_site(
        VOICEHUB_GOOGLE_CLIENT_IDS=CLIENT_ID,
        VOICEHUB_GOOGLE_ISSUERS=ISSUER,
        VOICEHUB_GOOGLE_JWKS_URL=provider.url,
        VOICEHUB_GOOGLE_AUTHORIZATION_URL=provider.authorization_url,
    )


@pytest.fixture
def look(shoot):
    """Keeps what a page shows; axe must have nothing to say of it."""

    async def take(page, name):
        await shoot(page, name)
        assert await complaints(page) == []

    return take


@asynccontextmanager
async def mailing(new_site):
    """A server that sends mails, and where they arrive."""
    async with Mailbox().served() as mailbox:
        site = await new_site(
            VOICEHUB_SMTP_URL=f"smtp://{mailbox.host}:{mailbox.port}",
            VOICEHUB_MAIL_FROM="hub@voice.example",
            VOICEHUB_PASSWORD_RESET_URL="https://voice.example/",
        )
        yield site, mailbox


async def is_in(page, name="Demo"):
    await expect(page.get_by_role("heading", name="Talk", exact=True)).to_be_visible()
    await expect(page.get_by_role("link", name="Your account")).to_contain_text(name)


async def is_out(page):
    await expect(page.get_by_role("heading", name="Sign in")).to_be_attached()


async def fill(page, email, password):
    await page.get_by_label("Email").fill(email)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def with_google(page, site):
    await page.goto(site.url)
    await page.get_by_role("button", name="Continue with Google").click()


async def add_second_team(site):
    """The demo's user is in it with the same address and password."""
    return await site.run(
        "WITH made AS (INSERT INTO team (label, name) VALUES ('Second & Sons', 'second')"
        " RETURNING id) INSERT INTO users (team_id, email, display_name, password_hash, settings)"
        " SELECT made.id, u.email, 'Demo of the second', u.password_hash, '{}'"
        " FROM users u, made WHERE u.email = $1 RETURNING id",
        DEMO,
    )


async def test_a_wrong_password_is_told_and_the_right_one_lets_in(site, page, look):
    await page.goto(site.url)
    await is_out(page)
    await fill(page, DEMO, "something else entirely")
    await expect(page.get_by_role("alert")).to_have_text("Email, password or team is wrong.")
    await look(page, "sign-in-refused")
    await fill(page, DEMO, PASSWORD)
    await is_in(page)


async def test_nothing_of_a_sign_in_is_in_reach_of_scripts_but_in_memory(site, page):
    await sign_in(page, site)
    await page.get_by_role("button", name="Light or dark").click()
    assert await page.evaluate(STORED) == ["voicehub.theme"]
    assert await page.evaluate("document.cookie") == ""
    assert await page.evaluate("indexedDB.databases()") == []
    (cookie,) = await page.context.cookies(f"{site.url}/v1/auth/refresh")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/v1/auth")


async def test_who_was_in_is_in_after_a_reload_on_the_same_page(site, page):
    await sign_in(page, site)
    await page.get_by_role("link", name="Sessions").click()
    await expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()


async def test_the_printed_link_signs_in_and_leaves_the_address_at_once(site, page):
    await page.goto("about:blank")
    await page.goto(console_link(site.url, DEMO, PASSWORD))
    await is_in(page)
    assert page.url == f"{site.url}/#/talk"
    await page.go_back()
    assert page.url == "about:blank"
    await page.go_forward()
    await is_in(page)


async def test_a_link_that_is_opened_in_an_open_console_signs_in_as_its_user(site, page):
    await sign_in(page, site)
    link = urlsplit(console_link(site.url, ADMIN, PASSWORD))
    await page.evaluate("hash => { location.hash = hash; }", link.fragment)
    await is_in(page, "Admin")
    assert page.url == f"{site.url}/#/talk"


async def test_on_another_machine_a_link_fills_in_the_form_and_no_more(site, page):
    # Chromium takes every name below `localhost` to this machine; the page cannot know that.
    url = f"http://elsewhere.localhost:{site.port}"
    await page.goto(console_link(url, DEMO, PASSWORD))
    await is_out(page)
    await expect(page.get_by_label("Email")).to_have_value(DEMO)
    assert PASSWORD not in page.url
    await page.get_by_role("button", name="Sign in").click()
    await is_in(page)
    await page.goto("about:blank")
    await page.goto(console_link(url, ADMIN, PASSWORD))
    await is_in(page, "Demo")


async def test_an_address_of_two_teams_is_asked_which(site, page, look):
    await add_second_team(site)
    await page.goto(site.url)
    await fill(page, DEMO, PASSWORD)
    await expect(page.get_by_label("Team")).to_be_visible()
    await look(page, "sign-in-team")
    await page.get_by_label("Team").select_option("Second & Sons")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await is_in(page, "Second & Sons")


async def test_google_is_offered_where_it_is_set_up_alone(site, google_site, page, look):
    button = page.get_by_role("button", name="Continue with Google")
    async with page.expect_response("**/v1/auth/methods"):
        await page.goto(site.url)
    await expect(button).to_have_count(0)
    await page.goto(google_site.url)
    await expect(button).to_be_visible()
    await look(page, "sign-in")


async def test_signing_in_with_google_goes_there_and_comes_back(google_site, provider, page):
    await page.goto(f"{google_site.url}/#/sessions")
    await page.get_by_role("button", name="Continue with Google").click()
    await expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()
    (asked,) = provider.asked
    assert asked["response_type"] == "id_token"
    assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT_ID, f"{google_site.url}/")
    assert set(asked["scope"].split()) == {"openid", "email"}
    assert len({asked["nonce"], asked["state"]}) == 2
    assert min(len(asked["nonce"]), len(asked["state"])) >= 32
    assert page.url == f"{google_site.url}/#/sessions"
    assert await page.evaluate(STORED) == []
    await page.reload()
    await expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()


async def test_google_asks_for_the_team_and_is_not_gone_to_again(google_site, provider, page):
    await add_second_team(google_site)
    await with_google(page, google_site)
    await page.get_by_label("Team").select_option("Second & Sons")
    assert await page.evaluate(STORED) == []
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await is_in(page, "Second & Sons")
    assert len(provider.asked) == 1


GOES_WRONG = [
    ({"email": "stranger@else.example"}, {}, "No user has this account."),
    ({"nonce": "of another page"}, {}, "The ID token is not valid."),
    ({}, {"state": "of another page"}, "That was no answer to a question of this page"),
    ({}, {"id_token": None, "error": "access_denied"}, "You did not sign in with Google."),
    ({}, {"id_token": None, "error": "server_error"}, "Google could not sign you in"),
]


async def test_what_goes_wrong_with_google_is_told(google_site, provider, page):
    for who, instead, sentence in GOES_WRONG:
        provider.who, provider.instead = {"email": DEMO} | who, instead
        await with_google(page, google_site)
        await expect(page.get_by_role("alert")).to_contain_text(sentence)
        assert page.url == f"{google_site.url}/#/talk"
        assert await page.evaluate(STORED) == []
    await fill(page, DEMO, PASSWORD)
    await is_in(page)


async def test_an_answer_that_nobody_asked_for_signs_nobody_in(google_site, provider, page):
    """As somebody would send it who wants others to talk in their name."""
    token = provider.sign("rsa", email=ADMIN)
    await page.goto(f"{google_site.url}/#id_token={token}&state=null")
    await expect(page.get_by_role("alert")).to_contain_text("no answer to a question")
    assert token not in page.url


async def test_signing_out_in_one_tab_signs_out_the_other(site, page):
    await sign_in(page, site)
    other = await page.context.new_page()
    await other.goto(site.url)
    await is_in(other)
    await page.get_by_role("button", name="Sign out").click()
    await is_out(page)
    await is_out(other)
    await expect(other.get_by_role("status")).to_have_text("You signed out in another tab.")
    await other.reload()
    await is_out(other)


async def test_no_tab_goes_on_as_the_user_of_another_tab(site, page):
    await sign_in(page, site)
    other = await page.context.new_page()
    await other.goto(console_link(site.url, ADMIN, PASSWORD))
    await is_in(other, "Admin")
    await is_in(page, "Admin")


async def test_while_the_server_is_away_nobody_is_told_that_they_are_out(site, page):
    await sign_in(page, site)
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("You are still signed in.")).to_be_visible()
    await page.context.set_offline(False)
    await page.get_by_role("button", name="Sign out").click()
    await is_out(page)


async def test_a_user_who_is_gone_is_out_within_a_minute_and_told(site, page, shoot):
    await page.clock.install()
    await sign_in(page, site)
    await site.run("DELETE FROM users WHERE email = $1", DEMO)
    await page.clock.fast_forward(61_000)
    await is_out(page)
    await expect(page.get_by_role("status")).to_contain_text("Your sign-in has ended.")
    await shoot(page, "sign-in-ended")


async def test_a_forgotten_password_is_replaced_by_a_link_that_is_promised_to_anybody(
    new_site, page, look
):
    async with mailing(new_site) as (site, mailbox):
        await page.goto(site.url)
        await page.get_by_role("link", name="Forgotten your password?").click()
        await page.get_by_label("Email").fill("nobody@else.example")
        await page.get_by_role("button", name="Mail me a link").click()
        await expect(page.get_by_role("status")).to_have_text(ANYBODY)
        await page.reload()
        await page.get_by_label("Email").fill(DEMO)
        await look(page, "reset")
        await page.get_by_role("button", name="Mail me a link").click()
        await expect(page.get_by_role("status")).to_have_text(ANYBODY)
        recipients, mail, _ = await mailbox.mails.get()
        assert recipients == [DEMO]
        link = re.search(r"https://voice\.example/(#\S+)", mail.get_content())[1]
        await page.goto("about:blank")
        await page.goto(f"{site.url}/{link}")
        await page.get_by_label("New password").fill("short")
        assert page.url == f"{site.url}/#/reset-confirm"
        await page.get_by_label("New password").fill(NEW_PASSWORD)
        await page.get_by_label("Show what is typed").check()
        await look(page, "reset-confirm")
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_role("status")).to_contain_text("Your password is changed.")
        await fill(page, DEMO, NEW_PASSWORD)
        await is_in(page)
        await page.goto("about:blank")
        await page.context.clear_cookies()
        await page.goto(f"{site.url}/{link}")
        await page.get_by_label("New password").fill(NEW_PASSWORD)
        await page.get_by_role("button", name="Change the password").click()
        await expect(page.get_by_role("alert")).to_contain_text("too old or used up")
        await page.reload()
        await expect(page.get_by_role("button", name="Ask for a new link")).to_be_visible()


async def test_without_mail_the_page_says_whom_to_ask(site, page):
    await page.goto(f"{site.url}/#/reset")
    await expect(page.get_by_text("This server sends no mails.")).to_be_visible()
    await page.get_by_role("link", name="Back to signing in").click()
    await is_out(page)


async def test_ones_own_name_is_changed_and_shown_everywhere(site, page, look):
    await sign_in(page, site)
    await page.get_by_role("link", name="Your account").click()
    await expect(page.get_by_label("Your name")).to_have_value("Demo")
    await look(page, "account")
    await page.get_by_label("Your name").fill("<b>Ada</b>")
    await page.get_by_role("button", name="Save the name").click()
    await expect(page.get_by_role("link", name="Your account")).to_contain_text("<b>Ada</b>")
    kept = await site.run("SELECT display_name FROM users WHERE email = $1", DEMO)
    assert kept == "<b>Ada</b>"


async def test_ones_own_password_is_changed_and_ends_what_began_with_the_old_one(
    site, page, new_page
):
    elsewhere = await new_page()
    await sign_in(elsewhere, site)
    await sign_in(page, site)
    await page.goto(f"{site.url}/#/account")
    await page.get_by_label("Password now").fill("something else entirely")
    await page.get_by_label("New password").fill(NEW_PASSWORD)
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("The old password is wrong.")).to_have_count(1)
    await page.get_by_label("Password now").fill(PASSWORD)
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("Your password is changed.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    await elsewhere.reload()
    await is_out(elsewhere)
    await fill(elsewhere, DEMO, NEW_PASSWORD)
    await is_in(elsewhere)


async def test_light_and_dark_are_chosen_and_kept(site, page, look):
    await sign_in(page, site)
    await page.goto(f"{site.url}/#/account")
    root = page.locator("html")
    await page.get_by_label("Dark", exact=True).check()
    await expect(root).to_have_attribute("data-theme", "dark")
    await look(page, "account-dark")
    await page.reload()
    await expect(page.get_by_label("Dark", exact=True)).to_be_checked()
    await expect(root).to_have_attribute("data-theme", "dark")
    await page.get_by_label("As the system").check()
    await expect(root).not_to_have_attribute("data-theme", re.compile("."))
    assert await page.evaluate(STORED) == []


async def test_signing_out_everywhere_reaches_other_browsers(site, page, new_page):
    elsewhere = await new_page()
    await sign_in(elsewhere, site)
    await sign_in(page, site)
    await page.goto(f"{site.url}/#/account")
    await page.get_by_role("button", name="Sign out everywhere").click()
    await is_out(page)
    await elsewhere.reload()
    await is_out(elsewhere)
