from voicehub.client.turns import Reply


def test_a_reply_tells_its_status_usage_and_delay():
    latency = {"voicehub": {"latency_ms": {"vad": 512.0}}}
    reply = Reply({"status": "completed", "usage": {"total_tokens": 3}, **latency}, 700.0)
    assert (reply.status, reply.usage, reply.latency_ms) == (
        "completed",
        {"total_tokens": 3},
        {"vad": 512.0},
    )


def test_what_an_engine_does_not_tell_is_empty():
    reply = Reply({"status": "failed", "usage": None}, None)
    assert (reply.usage, reply.latency_ms) == ({}, {})
