import pytest

from voicehub.auth.principal import fold_email


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  Ada@Example.ORG ", "ada@example.org"),
        ("ADMIN@\N{KELVIN SIGN}ite.org", "admin@\N{KELVIN SIGN}ite.org"),
        ("\u00c4@example.org", "\u00c4@example.org"),
    ],
)
def test_addresses_fold_by_ascii_case_only(written, folded):
    assert fold_email(written) == folded
