from pathlib import Path

import pytest

from jouleline.app.measure_settings import MeasureSettings, MeasureSettingsError, find_settings


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_files_everything_is_as_the_protocol_has_it(tmp_path: Path) -> None:
    settings = find_settings(tmp_path / "own.toml", tmp_path / "program.toml")
    assert settings == MeasureSettings()
    assert (settings.plan.budget_s, settings.plan.budget_j, settings.plan.control) == (None, None, 0)


def test_the_programs_file_comes_before_the_users(tmp_path: Path) -> None:
    own = written(tmp_path / "own.toml", '[measure]\nmeter = "nvml"\ngpu = 0\nseconds = 60\n')
    program = written(
        tmp_path / "program.toml",
        '[measure]\nseconds = 120\njoules = 5e3\ncontrol = 5\naccept_mig = true\ngpu = [1, "GPU-8f6a"]\n',
    )
    settings = find_settings(own, program)
    assert settings == MeasureSettings(
        "nvml", ("1", "GPU-8f6a"), accept_mig=True, seconds=120, joules=5e3, control=5
    )
    assert (settings.plan.budget_s, settings.plan.budget_j, settings.plan.control) == (120, 5e3, 5)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("meter = 3", "meter in [measure] must be a meter's name"),
        ('meter = ""', "meter in [measure] must be"),
        ("gpu = []", "gpu in [measure] must be a GPU's number or UUID, or a list"),
        ("gpu = [-1]", "gpu in [measure] must be"),
        ("gpu = true", "gpu in [measure] must be"),
        ('accept_mig = "yes"', "accept_mig in [measure] must be true or false"),
        ("seconds = 0", "seconds in [measure] must be a time above 0 (s)"),
        ("seconds = inf", "seconds in [measure] must be"),
        ('joules = "1"', "joules in [measure] must be an energy above 0 (J)"),
        ("control = 2", "control in [measure] must be 0, or a number of blocks from 3 to 100"),
        ("control = 1.5", "control in [measure] must be"),
        ("second = 3", "unknown key 'second' in [measure]; known are meter, gpu,"),
        ("meter = [", "is not valid TOML"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_may_stand_there(
    tmp_path: Path, line: str, said: str
) -> None:
    path = written(tmp_path / "jouleline.toml", f"[measure]\n{line}\n")
    with pytest.raises(MeasureSettingsError) as caught:
        find_settings(tmp_path / "own.toml", path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_the_table_must_be_one(tmp_path: Path) -> None:
    path = written(tmp_path / "jouleline.toml", "measure = 3\n")
    with pytest.raises(MeasureSettingsError, match=r"\[measure\] must be a table"):
        find_settings(path, None)
