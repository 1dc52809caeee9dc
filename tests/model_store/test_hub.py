"""What the hub is asked beside the files themselves."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.hub import COMMIT, FIRST, REPO, FakeHub, model_files
from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.model_store.hub import Hub


def test_a_listing_has_sizes_and_hashes(hub: FakeHub) -> None:
    listing = asyncio.run(Hub(hub.url).listing(REPO))
    assert listing.commit == COMMIT
    sizes = {file.path: file.size for file in listing.files}
    assert sizes == {path: len(text) for path, text in model_files().items()}
    assert {len(file.etag) for file in listing.files} == {40, 64}


def test_layers_are_read_from_the_beginning_of_a_file(hub: FakeHub) -> None:
    remote = Hub(hub.url)
    listing = asyncio.run(remote.listing(REPO))
    file = next(each for each in listing.files if each.path == FIRST)
    header = asyncio.run(remote.header(listing, file))
    assert header.tensors["blocks.0.attn1.to_q.weight"].shape == (30_000,)
    assert header.file_size == file.size


def test_what_is_no_safetensors_file_is_refused(hub: FakeHub) -> None:
    hub.repos[REPO][FIRST] = b"<html>" * 1000
    remote = Hub(hub.url)
    listing = asyncio.run(remote.listing(REPO))
    file = next(each for each in listing.files if each.path == FIRST)
    with pytest.raises(ModelLoadError, match="not a safetensors file"):
        asyncio.run(remote.header(listing, file))


def test_a_small_file_is_read(hub: FakeHub) -> None:
    remote = Hub(hub.url)
    listing = asyncio.run(remote.listing(REPO))
    assert asyncio.run(remote.small(listing, "vae/config.json")) == b'{"base_dim": 8}'
    assert asyncio.run(remote.small(listing, "no/such.json")) == b""
