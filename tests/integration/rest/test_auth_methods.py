"""What a page may offer to who is not signed in."""

import pytest


@pytest.fixture
def settings(settings, request):
    return settings.model_copy(update=getattr(request, "param", {}))


async def ways(web_client):
    response, body = await web_client.get("/v1/auth/methods", who=None)
    assert response.status == 200
    return body


async def test_a_password_is_always_a_way_and_nothing_else_is_by_itself(web_client):
    assert await ways(web_client) == {
        "object": "auth_methods",
        "password": {"reset_by_mail": False},
        "google": None,
    }


@pytest.mark.parametrize(
    "settings", [{"google_client_ids": ["of-the-page", "of-a-phone"]}], indirect=True
)
async def test_google_is_one_with_the_first_of_its_clients(web_client):
    assert (await ways(web_client))["google"] == {
        "client_id": "of-the-page",
        "authorization_url": "https://accounts.google.com/o/oauth2/v2/auth",
    }
