"""Clients that others wrote, unmodified, each in a whole spoken conversation."""

import pytest

from tests.conformance.conftest import CLIENTS


@pytest.fixture(params=CLIENTS)
def report(request, reports):
    return reports[request.param]


def test_the_client_finishes_without_a_warning_or_an_error(report):
    assert report.returncode == 0, report.said
    assert report.said == ""
    assert report.errors == []
