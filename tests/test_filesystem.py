"""What holds of files and folders on every system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wan_lora_studio.filesystem import keep_private


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps a user's folders apart by itself")
def test_a_private_folder_is_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "data"
    keep_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    keep_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_where_there_can_be_no_folder_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    keep_private(tmp_path / "file" / "data")
    assert (tmp_path / "file").read_text() == "in the way"
