"""A server on this machine that speaks the model hub's API, with faults on demand.

Sources: huggingface.co/docs/hub/api and what `huggingface_hub` sends and reads. Large files are
answered with a redirect and the SHA256 as their etag, small ones directly with git's SHA1.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40
LARGE = 1000  # bytes; from this size a file is one of LFS
PIECE = 4096  # bytes that are sent at once


@dataclass
class Faults:
    """What goes wrong; by path in the repository where a file is meant."""

    refuse: tuple[int, str] | None = None  # status and X-Error-Code, for everything
    cut: dict[str, list[int]] = field(default_factory=dict)  # bytes sent, request by request
    stall: dict[str, int] = field(default_factory=dict)  # bytes sent before it waits for `go_on`
    damaged: set[str] = field(default_factory=set)  # whose content is not that of its hash
    no_ranges: bool = False


@dataclass(frozen=True)
class Asked:
    """A request for content: the file, the first byte that was wanted, and the token."""

    path: str
    start: int
    token: str


class FakeHub:
    """`files` are contents by path. `asked` grows with each request for content."""

    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        self.repos = {repo: files}
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.sent: Counter[str] = Counter()  # bytes of content, by path
        self.listed = 0
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        self.url = ""

    def starts_of(self, path: str) -> list[int]:
        """Where each request for a file began."""
        return [each.start for each in self.asked if each.path == path]


def etag_of(content: bytes) -> str:
    if len(content) >= LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve it at `hub.url` meanwhile."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # the other side was killed
                super().handle()

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
            if hub.faults.refuse is not None:
                self._refuse(*hub.faults.refuse)
            elif parts[:2] == ["api", "models"]:
                self._list("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
            elif parts[0] == "content":
                self._send(parts[1] + "/" + parts[2], "/".join(parts[3:]))
            elif len(parts) < 5:
                self._refuse(404, "EntryNotFound")
            else:
                self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _list(self, repo: str, revision: str) -> None:
            if repo not in hub.repos:
                return self._refuse(404, "RepoNotFound")
            if revision not in ("main", COMMIT):
                return self._refuse(404, "RevisionNotFound")
            hub.listed += 1
            siblings = [_sibling(path, content) for path, content in hub.repos[repo].items()]
            text = json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return None

        def _resolve(self, repo: str, revision: str, path: str) -> None:
            content = hub.repos.get(repo, {}).get(path)
            if content is None or revision not in ("main", COMMIT):
                return self._refuse(404, "EntryNotFound")
            if len(content) < LARGE:
                return self._send(repo, path)
            self.send_response(302)
            self.send_header("Location", f"{hub.url}/content/{repo}/{path}")
            self.send_header("X-Linked-ETag", f'"{etag_of(content)}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def _send(self, repo: str, path: str) -> None:
            content = hub.repos[repo][path]
            first, last = _range(self.headers.get("Range"), len(content))
            if hub.faults.no_ranges:
                first, last = 0, len(content) - 1
            whole = (first, last) == (0, len(content) - 1)
            hub.asked.append(Asked(path, first, self.headers.get("Authorization", "")))
            self.send_response(200 if whole else 206)
            self.send_header("ETag", f'"{etag_of(content)}"')
            self.send_header("Content-Length", str(last + 1 - first))
            if not whole:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.end_headers()
            if path in hub.faults.damaged:
                content = bytes(255 - byte for byte in content)
            self._write(path, content[first : last + 1], first)

        def _write(self, path: str, content: bytes, first: int) -> None:
            cuts = hub.faults.cut.get(path)
            most = cuts.pop(0) if cuts else len(content)
            for at in range(0, min(most, len(content)), PIECE):
                waits_at = hub.faults.stall.get(path)
                if waits_at is not None and first + at >= waits_at and not hub.go_on.is_set():
                    hub.stalled.set()
                    hub.go_on.wait()
                piece = content[at : min(at + PIECE, most)]
                hub.sent[path] += len(piece)
                try:
                    self.wfile.write(piece)
                except OSError:  # the other side is gone
                    self.close_connection = True
                    return
            if most < len(content):
                self.close_connection = True

    return Handler


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": etag_of(content)}
    if len(content) >= LARGE:
        size = len(content)
        found["blobId"] = hashlib.sha1(content).hexdigest()
        found["lfs"] = {"sha256": etag_of(content), "size": size, "pointerSize": 134}
    return found


def _range(header: str | None, size: int) -> tuple[int, int]:
    """The first and the last byte that are wanted."""
    if header is None:
        return 0, size - 1
    first, _, last = header.removeprefix("bytes=").partition("-")
    return int(first), min(int(last), size - 1) if last else size - 1


REPO = "owner/model"
FIRST = "transformer/diffusion_pytorch_model-00001-of-00002.safetensors"
SECOND = "transformer/diffusion_pytorch_model-00002-of-00002.safetensors"
ENCODER = "text_encoder/model.safetensors"
NOT_NEEDED = (
    "README.md",
    ".gitattributes",
    "assets/logo.png",
    "transformer/diffusion_pytorch_model.fp16.safetensors",
    "models_t5_umt5-xxl-enc-bf16.pth",
)


def model_files(size: int = 60_000) -> dict[str, bytes]:
    """A diffusers folder as a repository has it, with files that no row needs."""
    classes = {
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "vae": ["diffusers", "AutoencoderKLWan"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    }
    shards = {"blocks.0.attn1.to_q.weight": FIRST, "blocks.1.attn1.to_q.weight": SECOND}
    weight_map = {name: path.rpartition("/")[2] for name, path in shards.items()}
    texts: dict[str, Any] = {
        "model_index.json": {"_class_name": "WanPipeline", **classes},
        "transformer/config.json": {"num_attention_heads": 2, "attention_head_dim": 16},
        "transformer/diffusion_pytorch_model.safetensors.index.json": {"weight_map": weight_map},
        "text_encoder/config.json": {"d_model": 16},
        "vae/config.json": {"base_dim": 8},
        "tokenizer/tokenizer.json": {"version": "1.0"},
        "scheduler/scheduler_config.json": {},
    }
    files = {path: json.dumps(value).encode() for path, value in texts.items()}
    files |= {path: weights(size, name) for name, path in shards.items()}
    files[ENCODER] = weights(size // 2, "shared.weight")
    files["vae/diffusion_pytorch_model.safetensors"] = weights(size // 4, "decoder.weight")
    return files | dict.fromkeys(NOT_NEEDED, b"x" * 2000)


def weights(size: int, name: str = "blocks.0.attn1.to_q.weight") -> bytes:
    """A safetensors file of one tensor with about so many bytes."""
    count = size // 2
    header = json.dumps({name: {"dtype": "BF16", "shape": [count], "data_offsets": [0, 2 * count]}})
    text = header.encode().ljust(-(-len(header) // 8) * 8)
    noise = random.Random(name).randbytes(2 * count)
    return struct.pack("<Q", len(text)) + text + noise
