"""Which model is asked, and that a program's own file cannot send the user's key elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from jouleline.app.model_settings import ModelSettingsError, find_model
from jouleline.core.model_settings import OPENAI_URL, ModelSettings

MINE = '[model]\nmodel = "mine"\nbase_url = "https://models.example.org/v1"\napi_key_env = "MY_KEY"\n'


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own.toml"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "jouleline.toml"


def test_nobody_names_a_model(own: Path, program: Path) -> None:
    assert find_model(own, program, {}) is None


def test_a_name_is_enough_for_openai(own: Path) -> None:
    assert find_model(own, None, {}, "gpt-x") == ModelSettings("gpt-x", base_url=OPENAI_URL, origin="--model")


def test_every_setting_is_read(own: Path) -> None:
    own.write_text(
        MINE + "temperature = 0\nmax_tokens = 500\ntimeout_s = 30\nmax_retries = 0\nparallel = 2\n"
        'token_budget = 9000\napi_key_command = "pass show key"\n[model.extra]\nreasoning_effort = "high"\n'
    )
    assert find_model(own, None, {}) == ModelSettings(
        model="mine",
        base_url="https://models.example.org/v1",
        api_key_env="MY_KEY",
        api_key_command="pass show key",
        temperature=0,
        max_tokens=500,
        timeout_s=30,
        max_retries=0,
        parallel=2,
        token_budget=9000,
        extra={"reasoning_effort": "high"},
        origin=str(own),
    )


def test_command_line_before_environment_before_program_before_own_file(own: Path, program: Path) -> None:
    def named(environment: dict[str, str], model: str | None = None) -> tuple[str, str]:
        found = find_model(own, program, environment, model)
        assert found is not None
        return found.model, found.base_url

    address = "https://models.example.org/v1"
    own.write_text(MINE + 'allowed = ["theirs"]\n')
    assert named({}) == ("mine", address)
    program.write_text('[model]\nmodel = "theirs"\n')
    assert named({}) == ("theirs", address)
    assert named({"JOULELINE_MODEL": "set"}) == ("set", address)
    assert named({"JOULELINE_MODEL": "set"}, "said") == ("said", address)
    assert named({"OPENAI_BASE_URL": "http://a/v1"}) == ("theirs", "http://a/v1")
    both = {"OPENAI_BASE_URL": "http://a/v1", "JOULELINE_MODEL_BASE_URL": "http://b/v1"}
    assert named(both) == ("theirs", "http://b/v1")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('base_url = "https://evil.example/v1"', "would send your sources and your key to evil.example"),
        ('api_key_command = "cat secret"', "is a command of the program's author"),
        ('api_key_env = "AWS_SECRET"', "would send a secret of its choice away"),
        (
            'api_key_env = "OTHER"\nbase_url = "http://localhost:9/v1"',
            "would send a secret of its choice away",
        ),
        ('base_url = "http://localhost@evil.example/v1"', "your key to evil.example"),
        ('base_url = "http://localhost.evil.example/v1"', "your key to localhost.evil.example"),
    ],
)
def test_a_program_cannot_steal_a_key(own: Path, program: Path, text: str, sentence: str) -> None:
    own.write_text(MINE)
    program.write_text(f"[model]\n{text}\n")
    with pytest.raises(ModelSettingsError) as error:
        find_model(own, program, {})
    assert sentence in str(error.value)
    assert str(program) in str(error.value)


def test_a_program_may_name_the_users_own_endpoint_or_this_machine(own: Path, program: Path) -> None:
    own.write_text(MINE)
    for address in ("https://models.example.org/v1", "http://localhost:8000/v1", "http://[::1]:8000/v1"):
        program.write_text(f'[model]\nbase_url = "{address}"\n')
        found = find_model(own, program, {})
        assert found is not None
        assert found.base_url == address
        assert found.api_key_env == ("MY_KEY" if "example.org" in address else "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model = 5", "model in [model] must be a model's name"),
        ('model = " "', "model in [model] must be a model's name"),
        ('model = "m"\ntemperature = 3', "temperature in [model] must be a number from 0 to 2"),
        ('model = "m"\ntemperature = true', "temperature in [model] must be"),
        ('model = "m"\ntimeout_s = inf', "timeout_s in [model] must be a number above 0"),
        ('model = "m"\nparallel = 0', "parallel in [model] must be a whole number above 0"),
        ('model = "m"\nmax_tokens = 1.5', "max_tokens in [model] must be a whole number above 0"),
        ('model = "m"\nkey = "sk-1"', "unknown key 'key' in [model]"),
        ('model = "m"\nextra = 1', "extra in [model] must be a table"),
        ('model = "m"\nallowed = "n"', "allowed in [model] must be a list of models' names"),
        ('model = "m"\nextra = {n = 8}', "n in extra of [model] is set by Jouleline itself; leave it out"),
        ('model = "m"\nextra = {max_completion_tokens = 8}', "use max_tokens in [model]"),
        ('model = "m"\nextra = {messages = []}', "messages in extra of [model] is set by Jouleline"),
        ('model = "m"\nbase_url = "localhost:8000"', "base_url of the model must be an address"),
        ('model = "m"\nbase_url = "http://localhost:x/v1"', "base_url of the model must be an address"),
        ('model = "m"\nbase_url = "http://me:sk-1@localhost/v1"', "must hold no password"),
    ],
)
def test_a_wrong_setting_is_one_sentence(own: Path, text: str, sentence: str) -> None:
    own.write_text(f"[model]\n{text}\n")
    with pytest.raises(ModelSettingsError) as error:
        find_model(own, None, {})
    assert sentence in str(error.value)
    assert "sk-1" not in str(error.value)


def test_a_table_that_is_none_and_a_file_that_is_no_toml(own: Path) -> None:
    own.write_text("model = 1\n")
    with pytest.raises(ModelSettingsError, match=r"\[model\] must be a table"):
        find_model(own, None, {})
    own.write_text("[model\n")
    with pytest.raises(ModelSettingsError, match="is not valid TOML"):
        find_model(own, None, {})


def test_a_program_may_lower_the_users_budgets_and_not_raise_them(own: Path, program: Path) -> None:
    own.write_text(MINE + "money_budget = 2\nprice_in = 3\nprice_out = 9\n")
    for theirs, held in (
        ("token_budget = 9_000_000\nmoney_budget = 50\nprice_in = 0\nprice_out = 0", (1_000_000, 2, 3, 9)),
        ("token_budget = 500\nmoney_budget = 1\nprice_in = 4\nprice_out = 10", (500, 1, 4, 10)),
    ):
        program.write_text(f"[model]\n{theirs}\n")
        found = find_model(own, program, {})
        assert found is not None
        assert (found.token_budget, found.money_budget, found.price_in, found.price_out) == held


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('model = "dearest"', "model in [model] names 'dearest', which is none of the models that you allow"),
        ('judge = "dearest"', "judge in [model] names 'dearest'"),
        ('fine_tuned = "dearest"', "fine_tuned in [model] names 'dearest'"),
        ('extra = {reasoning_effort = "high"}', "extra in [model] would change what you ask and pay for"),
        ('model = "dearest"\nallowed = ["dearest"]', "allowed in [model] would change what you ask"),
    ],
)
def test_a_program_neither_chooses_a_dearer_model_nor_changes_what_is_asked(
    own: Path, program: Path, text: str, sentence: str
) -> None:
    program.write_text(f"[model]\n{text}\n")
    for mine in (MINE, ""):
        own.write_text(mine)
        with pytest.raises(ModelSettingsError) as error:
            find_model(own, program, {})
        assert sentence in str(error.value)
        assert str(program) in str(error.value)


def test_a_program_chooses_among_the_models_that_are_allowed_and_asks_for_less(
    own: Path, program: Path
) -> None:
    own.write_text(MINE + 'judge = "strict"\nallowed = ["small"]\nmax_tokens = 900\nanswer_s = 60\n')
    program.write_text(
        '[model]\nmodel = "small"\njudge = "mine"\nmax_tokens = 100\nparallel = 64\nanswer_s = 90\n'
    )
    found = find_model(own, program, {})
    assert found is not None
    assert (found.model, found.judge, found.max_tokens, found.parallel) == ("small", "mine", 100, 4)
    assert found.answer_s == 60
