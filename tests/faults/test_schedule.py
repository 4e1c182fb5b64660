"""The schedule breaks no more at once than the promises cover."""

import pytest

from tests.faults.schedule import ANY_TIME, BACK_S, HEAL_S, PROCESS, SWEPT_S, Kind, drawn

SEEDS = range(40)


def ten_minutes(seed):
    return drawn(seed, 600, servers=3, workers=2)


def test_a_seed_draws_the_same_faults():
    assert ten_minutes(7) == ten_minutes(7)
    assert ten_minutes(7) != ten_minutes(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_heals_before_another_or_a_process_breaks(seed):
    healed_s = 0.0
    for fault in ten_minutes(seed):
        if fault.kind in ANY_TIME:
            continue
        assert fault.at_s >= healed_s - 0.1, fault
        if fault.kind not in PROCESS:
            healed_s = fault.ends_s + HEAL_S


@pytest.mark.parametrize("seed", SEEDS)
def test_redis_is_emptied_once_the_dead_are_swept(seed):
    faults = ten_minutes(seed)
    flushes = [fault.at_s for fault in faults if fault.kind is Kind.EMPTY_REDIS]
    assert len(flushes) == 2
    for fault in faults:
        if fault.kind in PROCESS:
            later = [at_s for at_s in flushes if at_s > fault.at_s]
            assert not later or fault.ends_s + SWEPT_S <= later[0] + 0.1, fault


@pytest.mark.parametrize("seed", SEEDS)
def test_one_server_serves_at_any_time(seed):
    deaths = [fault for fault in ten_minutes(seed) if fault.kind in PROCESS]
    for fault in deaths:
        down = {
            other.target
            for other in deaths
            if other.at_s <= fault.at_s < other.ends_s + BACK_S - 0.1
        }
        assert len(down) < 3, fault


def test_everything_breaks_at_some_time():
    drawn_kinds = {fault.kind for seed in SEEDS for fault in ten_minutes(seed)}
    # A server of the storm is one process.
    assert drawn_kinds == set(Kind) - {Kind.KILL_CHILD}


def test_all_is_over_at_the_end():
    assert all(fault.ends_s <= 600 for seed in SEEDS for fault in ten_minutes(seed))
    assert drawn(1, 3, servers=1, workers=0) == []


def test_where_there_is_no_worker_none_is_killed():
    faults = drawn(3, 300, servers=2, workers=0)
    assert faults
    assert Kind.KILL_WORKER not in {fault.kind for fault in faults}
