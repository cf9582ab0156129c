import json
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from jouleline.config import Hover, Picture, Settings, Toggle, read_settings
from tests.lsp.client import FULL, TIMEOUT_S, Client, Message, ServerError

PACKAGE = Path(__file__).resolve().parents[2] / "vscode-client" / "package.json"
KERNEL = "__global__ void k(double *a) { a[threadIdx.x] = a[threadIdx.x] * a[threadIdx.x] + 1.0; }"


def refreshing(**more: Any) -> dict[str, Any]:
    support = {"inlayHint": {"refreshSupport": True}, "codeLens": {"refreshSupport": True}}
    return {**FULL, "workspace": {**FULL["workspace"], **support, **more}}


def refreshed(client: Client) -> None:
    for method in ("workspace/inlayHint/refresh", "workspace/codeLens/refresh"):
        client.reply(client.expect(method), None)


def keys(settings: Any) -> Iterator[str]:
    """The dotted names of all settings."""
    for field in fields(settings):
        value, key = getattr(settings, field.name), field.metadata["key"]
        if is_dataclass(value):
            yield from (f"{key}.{inner}" for inner in keys(value))
        else:
            yield key


def test_settings_are_read_by_key() -> None:
    raw = {
        "gpu": " h200 ",
        "arguments": "10 20",
        "inlayHints": {"enable": False},
        "codeLens.enable": False,
        "compiledEvidence.enable": False,
        "diagnostics": {"enable": False},
        "hover.picture": "on",
    }
    settings, problems = read_settings(raw)
    off = Toggle(enable=False)
    assert settings == Settings("h200", "10 20", off, off, off, off, Hover(Picture.ON))
    assert problems == ()


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"gpu": 3080}, 'jouleline.gpu must be a device id such as "a100-sxm4-40gb", or "", not 3080;'),
        ({"arguments": ["1"]}, "jouleline.arguments must be a string"),
        ({"inlayHints": True}, "jouleline.inlayHints must be an object such as"),
        ({"inlayHints": {"enable": "no"}}, "jouleline.inlayHints.enable must be true or false, not 'no';"),
        (
            {"codeLens": {"enabled": True}},
            "jouleline.codeLens.enabled is no setting and is ignored; known are",
        ),
        (
            {"hover": {"picture": "yes"}},
            'jouleline.hover.picture must be "auto", "on" or "off", not \'yes\';',
        ),
        ({"gpus": "h200"}, "jouleline.gpus is no setting"),
        ("h200", "jouleline must be an object with settings, not 'h200'; it is ignored."),
    ],
)
def test_what_is_wrong_is_named_and_keeps_its_value(raw: object, sentence: str) -> None:
    base = Settings(gpu="mi210", arguments="7")
    settings, (problem,) = read_settings(raw, base)
    assert problem.startswith(sentence)
    assert settings == base


def test_the_schema_is_that_of_the_vs_code_extension() -> None:
    properties = json.loads(PACKAGE.read_text("utf-8"))["contributes"]["configuration"]["properties"]
    defaults = {name.removeprefix("jouleline."): one["default"] for name, one in properties.items()}
    settings, problems = read_settings(defaults)
    assert settings == Settings()
    assert problems == ()
    assert set(keys(settings)) <= defaults.keys()


def test_what_is_missing_or_belongs_to_the_client_is_left_alone() -> None:
    base = Settings(gpu="mi210")
    raw: dict[str, object] = {
        "gpu": None,
        "python": 3,
        "server": {"arguments": []},
        "trace": {"server": "off"},
    }
    assert read_settings(raw, base) == (base, ())
    assert read_settings(None, base) == (base, ())


def test_bad_options_at_the_start_are_told_and_the_rest_counts(client: Client) -> None:
    client.initialize(options={"gpu": "h200", "inlayHints": {"enable": 1}})
    message = client.expect("window/showMessage")["params"]
    assert message["message"].startswith("jouleline.inlayHints.enable must be true or false, not 1;")
    assert client.status["device"] == "h200"


def test_an_unknown_gpu_at_the_start_leaves_the_default(client: Client) -> None:
    client.initialize(options={"gpu": "rtx-380"})
    message = client.expect("window/showMessage")["params"]["message"]
    assert message.startswith('jouleline.gpu: unknown GPU "rtx-380": did you mean ')
    assert "rtx-3080" in message
    assert message.endswith("The GPU stays NVIDIA A100 SXM4 40 GB.")
    assert client.status["device"] == "a100-sxm4-40gb"


def test_settings_that_are_pushed_are_used_at_once(client: Client, tmp_path: Path) -> None:
    client.initialize(capabilities=refreshing())
    uri = client.open(tmp_path / "k.cu", KERNEL)
    assert len(client.hints(uri)) == 1
    assert len(client.lenses(uri)) == 1
    client.notify(
        "workspace/didChangeConfiguration",
        {"settings": {"jouleline": {"inlayHints": {"enable": False}, "codeLens": {"enable": False}}}},
    )
    refreshed(client)
    assert client.hints(uri) == []
    assert client.lenses(uri) == []
    client.notify("workspace/didChangeConfiguration", {"settings": {"jouleline": {"gpu": "mi210"}}})
    assert client.expect("jouleline/status")["params"]["device"] == "mi210"
    refreshed(client)
    refreshed(client)
    client.notify("workspace/didChangeConfiguration", {"settings": {"jouleline": {"gpu": "no such"}}})
    message = client.expect("window/showMessage")["params"]["message"]
    assert 'unknown GPU "no such"' in message
    assert "stays AMD" in message
    refreshed(client)


def test_settings_that_must_be_asked_for_are_asked_for(client: Client) -> None:
    capabilities = refreshing(configuration=True, didChangeConfiguration={"dynamicRegistration": True})
    client.initialize(capabilities=capabilities)
    registration = client.expect("client/registerCapability")
    (one,) = registration["params"]["registrations"]
    assert (one["method"], one["registerOptions"]) == (
        "workspace/didChangeConfiguration",
        {"section": "jouleline"},
    )
    client.reply(registration, None)
    asked = client.expect("workspace/configuration")
    assert asked["params"] == {"items": [{"section": "jouleline"}]}
    client.reply(asked, [{"gpu": "h200"}])
    assert client.expect("jouleline/status")["params"]["device"] == "h200"
    refreshed(client)
    refreshed(client)
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.reply(client.expect("workspace/configuration"), [None])
    assert client.execute("jouleline.devices")["current"] == "h200"


def test_arguments_give_sizes_to_the_bounds(client: Client, samples: Path) -> None:
    client.initialize(samples, options={"arguments": "4096 3"})
    uri = client.open(samples / "jacobi-cuda" / "main.cu")
    shown = client.hover(uri, 7, 18)
    assert shown is not None
    assert "Run line: `4096 3`, from the setting jouleline.arguments." in shown
    assert "grid 128 × 512, block" in shown


def test_devices_are_listed_and_chosen(client: Client, tmp_path: Path) -> None:
    client.initialize(capabilities=refreshing())
    uri = client.open(tmp_path / "k.cu", KERNEL)
    listed = client.execute("jouleline.devices")
    assert listed["current"] == "a100-sxm4-40gb"
    assert len(listed["devices"]) > 15
    assert {
        "id": "mi250x-gcd",
        "name": "AMD Instinct MI250X, one of its two dies",
        "vendor": "amd",
        "architecture": "CDNA2",
    } in listed["devices"]
    before = client.lenses(uri)[0]["command"]["title"]
    assert client.execute("jouleline.selectDevice", {"gpu": "RTX 3080"})["id"] == "rtx-3080"
    assert client.expect("jouleline/status")["params"]["deviceName"] == "NVIDIA GeForce RTX 3080 10 GB"
    refreshed(client)
    assert client.lenses(uri)[0]["command"]["title"] != before
    assert client.execute("jouleline.devices")["current"] == "rtx-3080"


def test_a_device_that_is_not_there_is_refused_with_close_ones(client: Client) -> None:
    client.initialize()
    with pytest.raises(ServerError, match=r'unknown GPU "h20": did you mean h200'):
        client.execute("jouleline.selectDevice", {"gpu": "h20"})
    for wrong in ([], ["h200"], [{"id": "h200"}]):
        with pytest.raises(ServerError, match=r'takes one argument: \{"gpu"'):
            client.execute("jouleline.selectDevice", *wrong)
    assert client.execute("jouleline.devices")["current"] == "a100-sxm4-40gb"


def test_a_wrong_device_file_is_named_and_the_server_stays(tmp_path: Path) -> None:
    from tests.lsp.client import over_stdio

    folder = tmp_path / "jouleline" / "devices"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("id = 3\n", "utf-8")
    with over_stdio({"XDG_CONFIG_HOME": str(tmp_path)}) as client:
        client.initialize()
        assert client.status["state"] == "error"
        assert "mine.toml" in client.status["message"]
        message = client.expect("window/showMessage")["params"]["message"]
        assert message.startswith("No bounds can be shown: ")
        uri = client.open(tmp_path / "k.cu", KERNEL)
        assert client.hints(uri) == []
        assert client.execute("jouleline.devices") == {"current": "", "devices": []}
        client.shut_down()


def test_the_workspace_folder_that_holds_a_file_bounds_the_search_for_its_program(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "jouleline.toml").write_text(
        '[workload]\nbuild = "true"\nrun = "./k {args}"\nargs = "12 7"\n', "utf-8"
    )
    inner, other = tmp_path / "inner", tmp_path / "other"
    for folder in (inner, other):
        folder.mkdir()
    client.initialize(inner)
    (inner / "k.cu").write_text("__global__ void k(float *a) { a[threadIdx.x] *= 2.0f; }", "utf-8")
    uri = client.open(inner / "k.cu")
    run_line = "Run line: `12 7`"
    assert run_line not in (client.hover(uri, 0, 17) or "")

    def use(added: list[Path], removed: list[Path]) -> str:
        def named(folders: list[Path]) -> list[Message]:
            return [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]

        event = {"added": named(added), "removed": named(removed)}
        client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        return client.hover(uri, 0, 17) or ""

    assert run_line not in use([other, tmp_path], [])
    end = time.monotonic() + TIMEOUT_S
    shown = use([], [inner])
    while run_line not in shown:  # the disk is read beside
        assert time.monotonic() < end, shown
        shown = client.hover(uri, 0, 17) or ""
