"""What holds for all tests."""

from hypothesis import settings

# A test that draws its examples anew each time would fail on one machine and pass on the next. To search
# with new examples: `pytest --hypothesis-profile=default`.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
