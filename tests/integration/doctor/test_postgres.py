"""A Postgres that is well, and each way in which it is not."""

import asyncpg
import pytest

from voicehub.doctor.finding import State, is_well
from voicehub.doctor.postgres import look_at_postgres


def faults(found):
    return [each.what for each in found if each.state is not State.OK]


async def test_one_that_is_well(database_url):
    found = await look_at_postgres(database_url, 1)
    assert is_well(found)
    assert not faults(found)
    assert len(found) == 4


async def test_one_without_our_tables(empty_database_url):
    (what,) = faults(await look_at_postgres(empty_database_url, 1))
    assert "run `voicehub migrate`" in what


async def test_one_that_is_not_there(unused_tcp_port):
    (what,) = faults(await look_at_postgres(f"postgresql://127.0.0.1:{unused_tcp_port}/x", 1))
    assert "cannot be reached" in what


@pytest.fixture
async def stranger(database_url):
    """A user that may come in and nothing more; gives its address with a right and a wrong one."""
    conn = await asyncpg.connect(database_url)
    await conn.execute("CREATE ROLE stranger LOGIN PASSWORD 's3cret'")
    rest = database_url.rpartition("@")[2]
    yield f"postgresql://stranger:s3cret@{rest}", f"postgresql://stranger:wr0ng@{rest}"
    await conn.execute("DROP OWNED BY stranger; DROP ROLE stranger")
    await conn.close()


async def test_one_whose_user_may_not_write(stranger):
    found = await look_at_postgres(stranger[0], 1)
    assert any("may not read and write" in what and "sessions" in what for what in faults(found))
    assert not is_well(found)


async def test_a_wrong_password_and_a_wrong_database_are_told_and_stay_secret(
    stranger, database_url
):
    (finding,) = await look_at_postgres(stranger[1], 1)
    assert finding.what == "it refuses the user or the password"
    assert "wr0ng" not in str(finding)
    (finding,) = await look_at_postgres(database_url + "_of_nobody", 1)
    assert finding.what == "it has no such database"
    (finding,) = await look_at_postgres("mysql://user:s3cret@host/x", 1)
    assert finding.what == "DATABASE_URL is no address of a Postgres"


async def test_more_servers_than_it_takes_are_a_warning(database_url):
    found = await look_at_postgres(database_url, 1000)
    assert is_well(found)
    assert any("1000 servers may want 10010" in what for what in faults(found))
