"""voicehub/rest/check.py: what the admins' pages show."""

PATH = "/v1/admin/check"


async def test_an_admin_sees_what_is_broken(web_client):
    response, body = await web_client.get(PATH, who="root")
    assert (response.status, body["faults"], body["is_complete"]) == (200, [], True)
    session_id = await web_client.add_session()
    await web_client.run("UPDATE sessions SET user_id = 999, ended_at = now()")
    _, body = await web_client.get(PATH, who="root")
    (fault,) = body["faults"]
    assert (fault["name"], fault["count"], fault["ids"]) == ("sessions_user_id", 1, [session_id])
    assert "UPDATE sessions" in fault["mend"]


async def test_users_do_not(web_client):
    response, _ = await web_client.get(PATH)
    assert response.status == 403
