from pathlib import Path

import pytest

from jouleline.app.sandbox_settings import Backend, SandboxSettings, SandboxSettingsError, find_sandbox


def settings(folder: Path, text: str) -> SandboxSettings:
    file = folder / "jouleline.toml"
    file.write_text(text)
    return find_sandbox(file)


def test_without_a_file_or_a_table_the_best_sandbox_is_taken(tmp_path: Path) -> None:
    assert find_sandbox(tmp_path / "nowhere") == SandboxSettings(Backend.BEST)
    assert settings(tmp_path, "[model]\n") == SandboxSettings(Backend.BEST)


def test_a_backend_and_folders_can_be_named(tmp_path: Path) -> None:
    found = settings(tmp_path, '[sandbox]\nbackend = "landlock"\nreadable = ["/apps"]\n')
    assert found == SandboxSettings(Backend.LANDLOCK, ("/apps",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[sandbox]\nbackend = "docker"', "must be one of best, bubblewrap, landlock, none"),
        ("[sandbox]\nbackend = false", "must be one of best"),
        ('[sandbox]\nreadable = ["apps"]', "a list of absolute paths"),
        ('[sandbox]\nreadable = "/apps"', "a list of absolute paths"),
        ("[sandbox]\nnetwork = true", r"unknown key 'network' in \[sandbox\]; known are backend, readable"),
        ("sandbox = 1", r"\[sandbox\] must be a table"),
        ("[sandbox", "is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SandboxSettingsError, match=message) as raised:
        settings(tmp_path, text)
    assert str(tmp_path / "jouleline.toml") in str(raised.value)
