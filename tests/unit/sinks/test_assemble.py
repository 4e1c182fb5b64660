from voicehub.sinks.assemble import Piece, lay_out
from voicehub.sinks.salvage import Remains

FIRST, SECOND, THIRD = (Remains(f"leg-{n}.flac", "flac", None, (), ()) for n in (1, 2, 3))


def test_a_leg_is_heard_until_the_next_owner_began() -> None:
    assert lay_out([(0, FIRST), (1_000, SECOND), (2_500, THIRD)]) == [
        Piece(FIRST, 0, 24_000),
        Piece(SECOND, 24_000, 60_000),
        Piece(THIRD, 60_000, None),
    ]


def test_an_owner_that_began_behind_a_newer_one_is_not_heard() -> None:
    assert lay_out([(0, FIRST), (3_000, SECOND), (2_000, THIRD)]) == [
        Piece(FIRST, 0, 48_000),
        Piece(THIRD, 48_000, None),
    ]
    assert lay_out([(5, FIRST), (5, SECOND)]) == [Piece(SECOND, 120, None)]


def test_nothing_stands_before_the_beginning() -> None:
    assert lay_out([(-20, FIRST)]) == [Piece(FIRST, 0, None)]
