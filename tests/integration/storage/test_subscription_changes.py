from voicehub.storage import subscribing, subscription_changes
from voicehub.storage.page import Window
from voicehub.storage.subscribing import By


async def test_what_was_done_is_listed_for_its_team(team):
    by = By(team.id, "service:billing", may_pay=False)
    async with team.pg.connection() as conn:
        for at_period_end in (True, False):
            await subscribing.cancel(conn, by, team.subscription_id, at_period_end=at_period_end)
        arguments = (conn, team.id, team.subscription_id)
        page = await subscription_changes.list_page(*arguments, Window(5))
        assert [each.change for each in page.rows] == ["cancelled", "cancelled_at_end"]
        assert {each.actor for each in page.rows} == {"service:billing"}
        first = await subscription_changes.list_page(*arguments, Window(1, descending=False))
        assert (first.rows, first.has_more) == (page.rows[1:], True)
        other = (conn, team.id + 1, team.subscription_id)
        assert not (await subscription_changes.list_page(*other, Window(5))).rows
