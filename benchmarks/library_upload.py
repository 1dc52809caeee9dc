"""Adding a large file: its speed beside a plain copy with a SHA256, and the memory it takes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Timing
from benchmarks.library_sizes import LibrarySizes
from benchmarks.library_trees import tensor_list
from benchmarks.peak import peak_memory
from benchmarks.report import PartResult, Table, Target, times, with_spread
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.settings import load_settings
from wan_lora_studio.units import MB

CHUNK = 1024 * 1024
SHARE = 0.7
GROWTH_MB = 50.0


def measure(sizes: LibrarySizes) -> PartResult:
    """Both in turn, each in a process of its own, each to a new file on the same disk."""
    seconds: dict[str, list[float]] = {"copy": [], "upload": []}
    growth = 0.0
    with tempfile.TemporaryDirectory(dir=sizes.folder) as folder:
        source = write_file(Path(folder) / "source.safetensors", sizes.upload_mb * MB)
        size = source.stat().st_size
        for number in range(sizes.rounds):
            for what, taken in seconds.items():
                target = Path(folder) / f"{what}{number}"
                found = _run(what, source, target)
                taken.append(found["seconds"])
                if what == "upload":
                    growth = max(growth, found["growth"] / MB)
                for path in sorted(target.rglob("*.safetensors")):
                    path.unlink()
    timings = {what: Timing(what, tuple(taken)) for what, taken in seconds.items()}
    speed = timings["upload"].ratio_to(timings["copy"])
    return PartResult(
        "upload",
        (_table(timings, size, growth),),
        (
            Target("speed of an upload against copy and SHA256", speed, "at least", SHARE, "x"),
            Target("memory that an upload takes", growth, "at most", GROWTH_MB, "MB"),
        ),
        timings,
    )


def write_file(path: Path, size: int) -> Path:
    """A valid LoRA of about this size: as many layers and as high a rank as it takes."""
    layers = ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o")
    rank = max(1, size // tensor_list(musubi=False, rank=1, layers=layers).size)
    tensors = tensor_list(musubi=False, rank=rank, layers=layers)
    header = b"{" + tensors.text
    block = bytes(range(1, 61)) * (MB // 60)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for position in range(0, tensors.size, len(block)):
            file.write(block[: tensors.size - position])
    return path


def _run(what: str, source: Path, target: Path) -> dict[str, float]:
    target.mkdir()
    command = [sys.executable, "-m", "benchmarks.library_upload", what, str(source), str(target)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main(what: str, source: Path, target: Path) -> dict[str, float]:
    """One copy or one upload; bytes by which the greatest memory grew, and seconds."""
    settings = load_settings(loras_dir=target, models_dir="models")
    handler = LoRAUploadHandler(settings)
    before, started = peak_memory(), time.perf_counter()
    if what == "upload":
        handler.process_upload(source, source.name)
    else:
        _copy(source, target / source.name)
    return {"seconds": time.perf_counter() - started, "growth": peak_memory() - before}


def _copy(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while chunk := reading.read(CHUNK):
            digest.update(chunk)
            writing.write(chunk)
    return digest.hexdigest()


def _table(timings: dict[str, Timing], size: int, growth: float) -> Table:
    copy, upload = timings["copy"], timings["upload"]
    rows = (
        ("plain copy and SHA256", with_spread(copy), f"{size / copy.median / 1e6:.0f} MB/s", None),
        (
            "upload: also checked for NaN, synced, catalogued",
            with_spread(upload),
            f"{size / upload.median / 1e6:.0f} MB/s",
            f"{growth:.1f} MB",
        ),
    )
    return Table(
        f"Adding a file of {size / 1e6:.0f} MB",
        ("what", "median (quartiles)", "speed", "memory"),
        rows,
        (f"The upload has {times(upload.ratio_to(copy))} the speed of the copy.",),
    )


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
