async def test_a_team_sees_its_own_agents_and_the_built_in_ones(web_client):
    response, body = await web_client.get("/v1/agents?order=asc")
    assert response.status == 200
    assert [(agent["name"], agent["is_built_in"]) for agent in body["data"]] == [
        ("Ava", True),
        ("Own", False),
    ]


async def test_prompts_stay_out_of_the_list(web_client):
    _, body = await web_client.get("/v1/agents")
    assert "secret" not in str(body)


async def test_a_deleted_agent_is_gone(web_client):
    await web_client.run("UPDATE ai_agents SET deleted_at = now() WHERE name = 'Own'")
    _, body = await web_client.get("/v1/agents")
    assert [agent["name"] for agent in body["data"]] == ["Ava"]


async def test_agents_come_in_pages(web_client):
    for number in range(3):
        await web_client.add_agent(f"more-{number}", "one")
    _, first = await web_client.get("/v1/agents?limit=3")
    _, second = await web_client.get(f"/v1/agents?limit=3&after={first['last_id']}")
    names = [agent["name"] for agent in first["data"] + second["data"]]
    assert names == ["more-2", "more-1", "more-0", "Own", "Ava"]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_a_wrong_query_is_a_clear_400(web_client):
    assert (await web_client.get("/v1/agents?limit=1000"))[0].status == 400
