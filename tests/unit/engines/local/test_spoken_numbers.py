import pytest

from voicehub.engines.local.spoken_numbers import numbers_in, spoken, sum_in


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a table for two at 7:30", [2, 7, 30]),
        ("twenty-one or one hundred and five", [21, 105]),
        ("two hundred thousand three hundred", [200_300]),
        ("one two three", [1, 2, 3]),
        ("2,500 people and 3.75 dollars", [2500, 3.75]),
        ("the 3rd of -4", [3, -4]),
        ("A5 is no number, and and is none either", []),
        ("", []),
    ],
)
def test_numbers_are_found_as_words_and_as_digits(text, numbers):
    assert numbers_in(text) == numbers


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("what is twelve times seven", 84),
        ("2+2", 4),
        ("7 -2", 5),
        ("three plus four times two", 11),
        ("fifteen percent of 80", 12),
        ("20% of 50", 10),
        ("10 divided by 4", 2.5),
        ("one hundred and five minus twenty-one", 84),
        ("I have two cats and three dogs", None),
        ("call 555 1234", None),
        ("9999999999999 plus 1", None),
        (" plus ".join(["1"] * 9), None),
        ("plus", None),
    ],
)
def test_sums_are_worked_out_as_in_school(text, result):
    assert sum_in(text) == result


def test_a_division_by_zero_is_told():
    with pytest.raises(ZeroDivisionError):
        sum_in("5 divided by 0")


def test_endless_digits_do_no_harm():
    assert sum_in("9" * 5000 + " times 2") is None


@pytest.mark.parametrize(
    ("number", "text"), [(84.0, "84"), (1234567.0, "1,234,567"), (1 / 3, "0.3333"), (-2.5, "-2.5")]
)
def test_results_read_well(number, text):
    assert spoken(number) == text
