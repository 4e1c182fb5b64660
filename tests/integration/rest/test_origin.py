from ipaddress import ip_network

from voicehub.auth import attempts
from voicehub.rest.origin import HEADER


async def test_attempts_count_by_who_stands_behind_a_trusted_proxy(
    web_client, settings, monkeypatch
):
    monkeypatch.setattr(attempts, "ATTEMPTS_PER_ADDRESS_MAX", 1)
    wrong = {"email": "ada@one.example", "password": "wrong"}

    async def status_from(address):
        response, _ = await web_client.post(
            "/v1/auth/login", wrong, who=None, headers={HEADER: address}
        )
        return response.status

    assert [await status_from("198.51.100.1"), await status_from("198.51.100.2")] == [401, 429]
    settings.trusted_proxies.append(ip_network("127.0.0.0/8"))
    assert [await status_from("198.51.100.1"), await status_from("198.51.100.2")] == [401, 401]
    assert await status_from("203.0.113.9, 198.51.100.1") == 429
