"""What holds for all tests."""

from collections.abc import Generator

import pytest
from hypothesis import settings

# A test that draws its examples anew each time would fail on one machine and pass on the next. To search
# with new examples: `pytest --hypothesis-profile=default`. How long an example takes is the machine's affair.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write what a test logged so that it can be sent from one process to another: with no lone surrogate."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
