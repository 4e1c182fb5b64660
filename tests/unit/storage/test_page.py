from hypothesis import given
from hypothesis import strategies as st

from voicehub.storage.page import Page, Window


class Row:
    def __init__(self, number):
        self.id = number


def read(window, ids):
    """What the database does for a window."""
    found = sorted(number for number in ids if window.lowest < number < window.highest)
    if window.query == "page_descending":
        found.reverse()
    return Page.cut(window, [Row(number) for number in found[: window.rows_max]])


@given(st.sets(st.integers(1, 60)), st.integers(1, 7), st.booleans())
def test_walking_by_cursors_gives_each_row_once_in_order(ids, limit, descending):
    expected = sorted(ids, reverse=descending)
    seen, after = [], None
    while True:
        page = read(Window(limit, descending, after), ids)
        seen += [row.id for row in page.rows]
        if not page.has_more:
            break
        after = seen[-1]
    assert seen == expected


@given(st.sets(st.integers(1, 60)), st.integers(1, 7), st.booleans())
def test_walking_back_gives_each_row_once_in_order(ids, limit, descending):
    expected = sorted(ids, reverse=descending)
    seen, before = [], 0 if descending else 61
    while True:
        page = read(Window(limit, descending, before=before), ids)
        seen = [row.id for row in page.rows] + seen
        if not page.has_more:
            break
        before = seen[0]
    assert seen == expected


@given(st.sets(st.integers(1, 30)), st.integers(1, 5), st.integers(0, 31), st.integers(0, 31))
def test_two_cursors_bound_a_page_that_begins_after_the_first(ids, limit, after, before):
    page = read(Window(limit, descending=False, after=after, before=before), ids)
    between = sorted(number for number in ids if after < number < before)
    assert [row.id for row in page.rows] == between[:limit]
    assert page.has_more == (len(between) > limit)


def test_all_teams_are_read_from_the_same_end_as_one():
    for window in (Window(1), Window(1, descending=False), Window(1, before=3)):
        assert window.query_of_all == window.query.replace("page_", "all_")
