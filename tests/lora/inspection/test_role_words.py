"""What names say of the expert: real ones, and such as were made to mislead."""

from __future__ import annotations

import pytest

from tests.support.loras.names import WILD
from wan_lora_studio.lora.inspection.role_evidence import EvidenceSource, find_role
from wan_lora_studio.lora.inspection.role_words import name_role, says_one_expert

NAMES = [*WILD["public"], *WILD["more"]]
# These need their twin: the words may as well mean something else, or are part of others.
BY_TWIN = (
    "high_lighting", "low_lighting", "KICKERS", "wan22_H_", "wan22_L_", "H_paint", "L_paint",
    "kisshigh", "kisslow", "_hi_float", "_lo_float", "e/H/", "e/L/",
)  # fmt: skip


@pytest.mark.parametrize(("path", "role"), [(path, role) for path, role, _ in NAMES])
def test_role_of_a_name_alone(path: str, role: str) -> None:
    found = find_role(set(), {}, path)
    if any(word in path for word in BY_TWIN):
        assert found.is_weak or found.source is EvidenceSource.NOTHING
    else:
        assert found.expert == role, found.sentence


@pytest.mark.parametrize(
    ("name", "words", "stem"),
    [
        ("style_HIGH", "HIGH", "style"),
        ("WANTT2VHIGHNOISEWIGGLE", "HIGHNOISE", "WANTT2VWIGGLE"),
        ("KissHIGHe50", "HIGH", "Kiss_e50"),
        ("STYLE-22-H-e8", "H", "STYLE-22-e8"),
        ("iMoon%20-%20Blink_HIGH", "HIGH", "iMoon%20-%20Blink"),
        ("%E9%AB%98%E5%99%AA_ink", "高噪", "ink"),
        ("high_noise", "high_noise", ""),
        ("high_energy_LOW", "LOW", "high_energy"),
        ("HIGHNOISEstyle", "HIGHNOISE", "style"),
        ("hi_lo_merged", "hi lo", "merged"),
    ],
)
def test_the_words_and_the_rest_of_the_name(name: str, words: str, stem: str) -> None:
    found = name_role(name)
    assert found is not None
    assert (found.words, found.stem, found.weak) == (words, stem, False)


@pytest.mark.parametrize(
    "name",
    [
        "high_motion_v1",
        "high_camera_pan",
        "kisshigh",
        "wan22_H_dance",
        "HN_style",
        "high_drama_scene_low",
        "H_paint",
    ],
)
def test_words_that_may_mean_something_else_are_weak(name: str) -> None:
    found = name_role(name)
    assert found is not None
    assert found.weak


@pytest.mark.parametrize("name", ["foo_highvram", "HighFPS", "lowkey", "highland_cow", "foo_LH"])
def test_other_words_say_nothing(name: str) -> None:
    assert name_role(name) is None


def test_hi_opens_a_folders_name_but_only_weakly_a_files() -> None:
    folder, file = name_role("Hi_Tasting", folder=True), name_role("Hi_Tasting")
    assert folder is not None
    assert file is not None
    assert (folder.role, folder.weak, file.weak) == ("high", False, True)


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("wan2_2_5B_x", True), ("Wan2.2_TI2V_5B", True), ("ti2v5b_x", True), ("5B/x", True),
        ("wan2.1_1.3B_x", True), ("5B/x_14B", False), ("15B_x", False), ("x_2.5B", False),
        ("x_9f5b", False), ("14B/x", False), ("x", False),
    ],
)  # fmt: skip
def test_a_path_says_that_its_model_has_one_transformer(path: str, one: bool) -> None:
    assert says_one_expert(path) is one
