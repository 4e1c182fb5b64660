from voicehub.session.events import QuotaRead
from voicehub.session.metering import MILLION, Totals
from voicehub.session.plan_watch import PlanWatch

PLAN = 1_000 * MILLION


def reading(sequence, audio_left, text_left=1_000, plan=PLAN):
    return QuotaRead(sequence, audio_left * MILLION, text_left * MILLION, plan, plan)


def warnings(watch, *readings):
    return [
        (fields["kind"], fields["percent"])
        for each in readings
        for kind, fields in watch.read(each)
        if kind == "voicehub.quota.warning"
    ]


def test_usage_is_told_once_a_response_was_counted():
    watch = PlanWatch()
    watch.booked(1, Totals(), of_response=False)
    assert watch.read(reading(1, 1_000)) == []
    watch.booked(2, Totals(audio=30 * MILLION, responses=1), of_response=True)
    assert watch.read(reading(1, 1_000)) == []
    [(kind, fields)] = watch.read(reading(3, 970))
    assert kind == "voicehub.usage.updated"
    assert (fields["usage"]["audio_tokens"], fields["usage"]["responses"]) == (30, 1)
    assert fields["plan"] == {
        "audio_tokens": {"left": 970, "max": 1_000},
        "text_tokens": {"left": 1_000, "max": 1_000},
    }
    assert watch.read(reading(4, 970)) == []


def test_each_kind_is_warned_of_once_at_each_limit():
    watch = PlanWatch()
    assert warnings(watch, reading(1, 201)) == []
    assert warnings(watch, reading(2, 200), reading(3, 199)) == [("audio_tokens", 80)]
    assert warnings(watch, reading(4, 190, 50)) == [("text_tokens", 95)]
    assert warnings(watch, reading(5, 50, 49), reading(6, 300), reading(7, 10)) == [
        ("audio_tokens", 95)
    ]


def test_a_warning_says_what_is_left_and_never_less_than_nothing():
    [(_, fields)] = PlanWatch().read(reading(1, -20))
    assert fields == {"kind": "audio_tokens", "percent": 95, "left": 0, "max": 1_000}


def test_a_plan_that_nobody_knows_is_not_warned_of():
    assert PlanWatch().read(reading(1, 0, 0, plan=0)) == []
