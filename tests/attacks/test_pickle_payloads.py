"""Hostile pickles under every ending: none of them runs anything, or leaves anything behind."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from wan_lora_studio.lora.names import PICKLES
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler
from wan_lora_studio.settings import Settings

ENDINGS = [change(ending) for ending in PICKLES for change in (str.lower, str.upper, str.title)]


def calls(module: str, name: str, *arguments: Any) -> bytes:
    """A pickle that calls a function, written opcode by opcode."""
    body = b"".join(pickle.dumps(each, 2)[2:-1] for each in arguments)
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + body + b"tR."


def by_stack(module: str, name: str, *arguments: Any) -> bytes:
    """The same by STACK_GLOBAL, whose names are values."""
    names = b"".join(b"\x8c" + bytes([len(each)]) + each.encode() for each in (module, name))
    body = b"".join(pickle.dumps(each, 2)[2:-1] for each in arguments)
    return b"\x80\x04" + names + b"\x93(" + body + b"tR."


def archive(pickled: bytes, **more: bytes) -> bytes:
    """As `torch.save` puts it together."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        for name, content in more.items():
            file.writestr(f"archive/{name}", content)
    return data.getvalue()


def payloads(canary: Path) -> dict[str, bytes]:
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w')"
    calling: dict[str, tuple[str, str, Any]] = {
        "os.system": ("os", "system", touch),
        "posix.system": ("posix", "system", touch),
        "nt.system": ("nt", "system", touch),
        "subprocess.Popen": ("subprocess", "Popen", ["touch", str(canary)]),
        "subprocess.check_output": ("subprocess", "check_output", ["touch", str(canary)]),
        "builtins.eval": ("builtins", "eval", code),
        "builtins.exec": ("builtins", "exec", code),
        "__builtin__.eval": ("__builtin__", "eval", code),
        "builtins.__import__": ("builtins", "__import__", "antigravity"),
        "builtins.getattr": ("builtins", "getattr", "system"),
        "builtins.open": ("builtins", "open", str(canary)),
        "builtins.compile": ("builtins", "compile", code),
        "runpy.run_path": ("runpy", "run_path", str(canary)),
        "importlib.import_module": ("importlib", "import_module", "os"),
        "webbrowser.open": ("webbrowser", "open", "http://127.0.0.1/"),
        "socket.create_connection": ("socket", "create_connection", ("127.0.0.1", 9)),
        "shutil.rmtree": ("shutil", "rmtree", str(canary.parent)),
        "pty.spawn": ("pty", "spawn", touch),
        "timeit.timeit": ("timeit", "timeit", code),
        "pickle.loads": ("pickle", "loads", calls("os", "system", touch)),
        "torch.load": ("torch", "load", str(canary)),
        "torch.hub.load": ("torch.hub", "load", "a/b"),
        "torch._utils._import_dotted_name": ("torch._utils", "_import_dotted_name", "os.system"),
        "numpy exec": ("numpy.testing._private.utils", "runstring", code),
        "operator.attrgetter": ("operator", "attrgetter", "system"),
        "functools.partial": ("functools", "partial", print),
        "bdb.Bdb": ("bdb", "Bdb", "run"),
        "logging.config": ("logging.config", "fileConfig", str(canary)),
    }
    made = {name: archive(calls(*call)) for name, call in calling.items()}
    made["by the stack"] = archive(by_stack("os", "system", touch))
    made["without a zip"] = calls("os", "system", touch)
    made["a dotted name"] = archive(by_stack("collections", "OrderedDict.fromkeys.__class__", ()))
    made["an extension"] = archive(b"\x80\x02\x82\x01.")
    made["a state"] = archive(b"\x80\x02ccollections\nOrderedDict\n)R}b.")
    made["a memo of two billion"] = archive(b"\x80\x02}r\xff\xff\xff\x7f.")
    made["a long of two billion bytes"] = archive(b"\x80\x02\x8b\xff\xff\xff\x7f.")
    made["deep lists"] = archive(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    made["a dictionary of itself"] = archive(b"\x80\x02}q\x00h\x00h\x00s.")
    made["four terabytes"] = archive(_tensor(2**40, (2**40,)))
    made["a negative size"] = archive(_tensor(4, (-1,)))
    made["beyond its storage"] = archive(_tensor(4, (9,)), **{"data/0": bytes(16)})
    made["another file's storage"] = archive(_tensor(4, (4,), key="../../../etc/passwd"))
    made["twice the same part"] = _twice()
    made["packed"] = _packed()
    return made


class _Storages(pickle.Pickler):
    """Writes `...` as a reference to a storage, as PyTorch does with its own."""

    def __init__(self, file: io.BytesIO, key: str, count: int) -> None:
        super().__init__(file, 2)
        self._reference = ("storage", torch.FloatStorage, key, "cpu", count)

    def persistent_id(self, value: Any) -> Any:
        return self._reference if value is ... else None


def _tensor(count: int, shape: tuple[int, ...], key: str = "0") -> bytes:
    """The pickle of `{"a": tensor}` over a storage of `count` values."""
    file = io.BytesIO()
    _Storages(file, key, count).dump(...)
    parts = [file.getvalue()[2:-1]]
    parts += [pickle.dumps(each, 2)[2:-1] for each in (0, shape, (1,) * len(shape))]
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + b"".join(parts) + b"tR"
    return b"\x80\x02}X\x01\x00\x00\x00a" + rebuilt + b"s."


def _twice() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in ("archive/data.pkl", "archive/data.pkm"):
            file.writestr(name, calls("os", "system", "true"))
    return data.getvalue().replace(b"data.pkm", b"data.pkl")


def _packed() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\x80\x02}." + bytes(200_000_000))
    return data.getvalue()


@pytest.fixture
def handler(settings: Settings) -> LoRAUploadHandler:
    return LoRAUploadHandler(settings.model_copy(update={"accept_pickles": True}))


def test_an_honest_one_is_read_the_same_way(handler: LoRAUploadHandler) -> None:
    """So that what is refused below is refused for what it asks for."""
    data = archive(_tensor(4, (4,)), **{"data/0": bytes(16)})
    (outcome,) = handler.process_uploads({"a.pt": data})
    assert "pickle" not in str(outcome["error"]["context"]), "only what is in it is no LoRA"


def test_nothing_runs_under_any_ending(
    handler: LoRAUploadHandler, settings: Settings, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    made = payloads(canary)
    assert len(made) >= 32
    sent = {
        f"{number} {name.replace('.', ' ')}{ENDINGS[number % len(ENDINGS)]}": data
        for number, (name, data) in enumerate(made.items())
    }
    outcomes = handler.process_uploads(sent)
    assert {each["status"] for each in outcomes} == {"refused"}
    assert all(each["error"]["message"] for each in outcomes)
    assert not canary.exists()
    assert [path for path in settings.loras_dir.rglob("*") if path.suffix == ".safetensors"] == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_and_case(
    handler: LoRAUploadHandler, settings: Settings, tmp_path: Path, ending: str
) -> None:
    canary = tmp_path / "canary"
    data = archive(calls("os", "system", f"touch {canary}"))
    accepting = handler.process_uploads({f"a{ending}": data})
    refusing = LoRAUploadHandler(settings).process_uploads({f"a{ending}": data})
    assert [each["status"] for each in (*accepting, *refusing)] == ["refused", "refused"]
    assert "posix" in accepting[0]["error"]["message"] or "os" in accepting[0]["error"]["message"]
    assert not canary.exists()


@pytest.mark.parametrize(
    "ending", [".safetensors", ".sft", ".SAFETENSORS", ".png", ".zip", ".json"]
)
def test_a_pickle_under_another_ending(
    handler: LoRAUploadHandler, tmp_path: Path, ending: str
) -> None:
    canary = tmp_path / "canary"
    for data in (calls("os", "system", f"touch {canary}"), archive(calls("os", "system", "x"))):
        outcomes = handler.process_uploads({f"a{ending}": data})
        assert {each["status"] for each in outcomes} <= {"refused"}
    assert not canary.exists()
