"""LoRA folders of other programs, by their YAML files and by where they are installed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.loras.files import tiny_model, write_lora
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.extra_model_paths import MAX_BYTES, program_folders
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import load_settings

# As Stability Matrix and people write them.
TWO_SECTIONS = r"""
# a comment
a111:
    base_path: webui/
    checkpoints: models/Stable-diffusion
    loras: |
        models/Lora
        models/LyCORIS
comfyui:
    base_path: {top}/comfy
    is_default: true
    loras: models\loras\
    custom_nodes: custom_nodes
empty:
"""


def folders(path: Path, *names: str) -> list[Path]:
    for name in names:
        (path / name).mkdir(parents=True, exist_ok=True)
    return [path / name for name in names]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_sections_lines_defaults_and_backslashes(tmp_path: Path) -> None:
    lora, lycoris, loras = folders(
        tmp_path, "webui/models/Lora", "webui/models/LyCORIS", "comfy/models/loras"
    )
    file = written(tmp_path / "extra.yaml", TWO_SECTIONS.format(top=tmp_path))
    assert program_folders(file).loras == (loras, lora, lycoris)


def test_home_variables_and_a_byte_order_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODELS", str(tmp_path / "m"))
    one, two, three = folders(tmp_path, "c/loras", "m/loras", "m/x y")
    text = "\ufeffa: {base_path: ~/c, loras: loras}\nb: {loras: ['${MODELS}/loras', '$MODELS/x y']}"
    assert program_folders(written(tmp_path / "e.yaml", text)).loras == (one, two, three)


def test_a_file_without_section_names(tmp_path: Path) -> None:
    (loras,) = folders(tmp_path, "comfy/loras")
    file = written(tmp_path / "e.yaml", f"base_path: {tmp_path}/comfy\nloras: loras/\nvae: vae\n")
    assert program_folders(file).loras == (loras,)


def test_a_folder_that_nobody_made_is_left_out_and_one_on_a_disk_that_is_away_is_not(
    tmp_path: Path,
) -> None:
    (there,) = folders(tmp_path, "c/there")
    file = written(
        tmp_path / "e.yaml",
        f"a:\n  base_path: {tmp_path}/c\n  loras: |\n    there\n    not made\n"
        "b:\n  base_path: /not/mounted\n  loras: loras\n",
    )  # fmt: skip
    assert program_folders(file).loras == (there, Path("/not/mounted/loras"))


BAD = {
    "a: [": "not YAML in line 1",
    "a:\n\t- b": "not YAML in line 2",
    "just text": "holds no sections",
    "- a\n- b": "holds no sections",
    "": "holds no sections",
    "a: {checkpoints: x}": "names no LoRA folder",
    "a: {loras: nowhere}": "names no LoRA folder",
    "a: {loras: 5}": "neither a text nor a list",
    "a: {loras: [{x: y}]}": "neither a text nor a list",
    "a: {base_path: [1], loras: x}": "base_path is no text",
    "a: {base_path: $NO_SUCH_NAME/x, loras: y}": "variable $NO_SUCH_NAME, which is not set",
    "a: {base_path: 'C:\\ComfyUI', loras: models\\loras}": "a path of Windows",
    "a: {base_path: 'D:/ComfyUI', loras: models/loras}": "a path of Windows",
    "a: {base_path: ~nosuchuser/x, loras: y}": "no such user",
    "a: !!python/object/apply:os.system ['true']": "not YAML in line 1",
    "[" * 2000 + "]" * 2000: "nested too deeply",
    "a: &a [x]\n" + "".join(f"k{n}: *a\n" for n in range(50)): "more than 20 aliases",
    "x: 1\n---\ny: 2\n": "not YAML",
    "a: {loras: '" + "\\0" + "'}": "names no LoRA folder",
    'a: {loras: "\\0"}': "cannot be",
    "a: 2001-99-99": "not YAML",
    "a" * (MAX_BYTES + 1): "larger than",
}


@pytest.mark.parametrize("text", BAD, ids=BAD.values())
def test_what_is_wrong_is_a_settings_error_that_says_so(tmp_path: Path, text: str) -> None:
    file = written(tmp_path / "bad.yaml", text)
    config = written(tmp_path / "own.json", json.dumps({"extra_model_paths": [str(file)], "no": 1}))
    with pytest.raises(SettingsError) as caught:
        load_settings(config)
    assert str(file) in caught.value.message
    assert BAD[text] in caught.value.message
    assert "no: there is no such setting" in caught.value.message  # all at once


def test_no_file_and_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "latin.yaml").write_bytes(b"a: {loras: \xe9}")
    for path, why in {
        "none.yaml": "cannot be read: No such file",
        "fifo": "not a regular file",
        "latin.yaml": "not UTF-8",
        "": "holds none of",
    }.items():
        with pytest.raises(ValueError, match=why):
            program_folders(tmp_path / path)


@pytest.mark.parametrize(
    "kept",
    ["models/loras", "models/Lora", "Models/Lora", "Data/Models/Lora", "loras"],
)
def test_a_program_is_found_by_its_folder(tmp_path: Path, kept: str) -> None:
    assert program_folders(folders(tmp_path, kept)[0].parents[kept.count("/")]).loras == (
        tmp_path / kept,
    )


def test_a_programs_own_file_counts_too(tmp_path: Path) -> None:
    one, two = folders(tmp_path, "app/models/loras", "elsewhere")
    written(tmp_path / "app" / "extra_model_paths.yaml", f"a: {{loras: {two}}}")
    assert program_folders(tmp_path / "app").loras == (one, two)


COMFY = """
comfyui:
    base_path: {top}/comfy
    loras: models/loras
    diffusion_models: |
        models/diffusion_models
        models/unet
    text_encoders: models/clip
    vae: models/vae
    upscale_models: models/upscale_models
"""


def test_the_folders_of_models_are_named_beside_those_of_loras(tmp_path: Path) -> None:
    kinds = ("loras", "diffusion_models", "unet", "clip", "vae", "upscale_models")
    loras, *models, _ = folders(tmp_path, *(f"comfy/models/{kind}" for kind in kinds))
    found = program_folders(written(tmp_path / "e.yaml", COMFY.format(top=tmp_path)))
    assert (found.loras, found.models) == ((loras,), tuple(models))


@pytest.mark.parametrize(
    "kept", ["models/diffusion_models", "models/unet", "diffusion_models", "ckpts"]
)
def test_a_program_without_loras_is_found_by_its_models(tmp_path: Path, kept: str) -> None:
    (place,) = folders(tmp_path, kept)
    assert program_folders(tmp_path).models == (place,)
    settings = load_settings(extra_model_paths=[tmp_path], loras_dir=tmp_path / "mine")
    assert (settings.model_folders, settings.lora_folders) == ((place,), ())


def test_a_model_in_wans_own_layout_is_a_folder_of_models(tmp_path: Path) -> None:
    folders(tmp_path, "pair/high_noise_model", "pair/low_noise_model", "single")
    written(tmp_path / "single" / "diffusion_pytorch_model.safetensors.index.json", "{}")
    for name in ("pair", "single"):
        assert program_folders(tmp_path / name).models == (tmp_path / name,)


def test_the_loras_are_listed_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model(tmp_path / "models")
    write_lora(tmp_path / "webui" / "models" / "Lora" / "theirs.safetensors")
    write_lora(tmp_path / "comfy" / "models" / "loras" / "sub" / "more.safetensors", seed=1)
    written(tmp_path / "extra.yaml", TWO_SECTIONS.format(top=tmp_path))
    write_lora(tmp_path / "wan" / "loras" / "third.safetensors", seed=2)
    config = {
        "loras_dir": "mine", "models_dir": "models", "extra_model_paths": ["extra.yaml", "wan"],
        "extra_lora_dirs": [{"path": "wan/loras", "writable": True}],
    }  # fmt: skip
    settings = load_settings(written(tmp_path / "own.json", json.dumps(config)))
    library = LoRALibrary(settings)
    records = library.list_available_loras()
    assert {name: record["read_only"] for name, record in records.items()} == {
        "theirs": True, "more": True, "third": False,
    }  # fmt: skip
    monkeypatch.setenv("WAN_LORA_EXTRA_MODEL_PATHS", str(tmp_path / "comfy"))
    alone = load_settings(models_dir=tmp_path / "models", loras_dir=tmp_path / "mine")
    assert set(LoRALibrary(alone).list_available_loras()) == {"more"}
    given = load_settings(extra_model_paths=tmp_path / "wan", loras_dir=tmp_path / "mine")
    assert [folder.path for folder in given.lora_folders] == [tmp_path / "wan" / "loras"]
