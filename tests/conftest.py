import pytest
from hypothesis import settings

from tests.support.tools import require_tool

# Wall time on a shared machine varies twofold from run to run, so a per-example deadline only adds noise.
settings.register_profile("jouleline", deadline=None)
settings.load_profile("jouleline")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            require_tool(tool)
