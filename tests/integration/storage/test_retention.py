from voicehub.storage import retention


async def test_a_session_needs_its_uploads_until_its_recording_is_made(team):
    running = await team.add_session()
    made = await team.add_session(status="completed")
    await team.run(
        'UPDATE sessions SET ended_at = now(), data = data || \'{"recording": {"state":'
        ' "ready"}}\' WHERE id = $1 RETURNING id',
        made,
    )
    async with team.pg.connection() as conn:
        assert await retention.need_uploads(conn, [running, made, 999_999]) == {running}
        assert await retention.need_uploads(conn, []) == set()


async def test_windows_of_ids_and_days_are_kept_to(team):
    ids = [await team.add_session(status="completed") for _ in range(3)]
    await team.run(
        "UPDATE sessions SET ended_at = now() - make_interval(days => 10), data = data ||"
        ' \'{"recording": {"state": "ready"}, "transcript": [1]}\' RETURNING id'
    )
    async with team.pg.connection() as conn:
        assert await retention.last_id(conn) == ids[-1]
        found = await retention.with_old_audio(conn, ids[0], ids[1], 9)
        assert found == [(team.id, ids[1])]
        assert await retention.with_old_audio(conn, 0, ids[-1], 11) == []
        assert await retention.remove_transcripts(conn, ids[0], ids[2], 9) == 2
        assert await retention.remove_transcripts(conn, 0, ids[2], 9) == 1
        await retention.audio_removed(conn, team.id + 1, ids[0], "removed")
    assert (await team.row(ids[0]))["data"]["recording"]["state"] == "ready"


async def test_an_empty_table_has_no_last_id(pg):
    async with pg.connection() as conn:
        assert await retention.last_id(conn) == 0
