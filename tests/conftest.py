import os
import shutil

import pytest
from hypothesis import settings

# Wall time on a shared machine varies twofold from run to run, so a per-example deadline only adds noise.
settings.register_profile("jouleline", deadline=None)
settings.load_profile("jouleline")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose `needs` are missing; in CI, where .ci/run installs them all, fail it instead."""
    wanted = [tool for marker in item.iter_markers("needs") for tool in marker.args]
    missing = [tool for tool in wanted if shutil.which(tool) is None]
    if not missing:
        return
    sentence = f"not installed: {', '.join(missing)}"
    if os.environ.get("JOULELINE_REQUIRE_TOOLS"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
