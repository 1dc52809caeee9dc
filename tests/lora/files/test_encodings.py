"""Texts whose bytes do not say how they are written."""

from __future__ import annotations

import pytest

from wan_lora_studio.lora.files.encodings import decoded, encoding_note


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "水墨 café стиль"),
        ("utf-8-sig", "水墨"),
        ("utf-16", "水墨 style"),
        ("utf-16-le", '{"a": "水墨"}'),
        ("utf-16-be", "plain, 水墨"),
        ("utf-32", "ink"),
        ("gb18030", "水墨"),
        ("gb18030", "高噪声触发词, 水墨画风格"),
        ("gbk", '{"activation text": "水墨, ink", "notes": "强度"}'),
        ("cp932", "水彩画風、トリガー"),
        ("cp1251", "стиль акварель"),
        ("latin-1", "café style, Größe"),
        ("latin-1", "déjà vu, été"),
        ("cp1252", "“quoted” — naïve"),
    ],
)
def test_a_text_is_read_in_its_encoding(encoding: str, text: str) -> None:
    found, used = decoded(text.encode(encoding))
    assert found == text
    assert (encoding_note(used) == "") == encoding.startswith("utf-8")


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(range(256)), b"a\x01b", b"\xff\x00"]
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decoded(data)
