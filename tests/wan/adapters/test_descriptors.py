"""What the cache of LoRA files holds of the system: a program may open few files at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.loras.files import write_lora
from tests.support.paths import ROOT

LIMIT = 256  # macOS gives a program so many
COUNT = 300
READ_ALL = """
import resource, sys
from pathlib import Path
from wan_lora_studio.wan.adapters.cache import AdapterCache
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),) * 2)
source, cache = Path(sys.argv[1]), AdapterCache(1 << 30)
names = [source.with_name(f"{number}.safetensors") for number in range(int(sys.argv[3]))]
for name in names:
    name.hardlink_to(source)
files = [cache.read(name) for name in names]
again = [cache.read(name) for name in names]
total = sum(float(part.double().sum()) for file in again for layers in file.layers.values()
            for layer in layers for part in layer.parts.values())
source.open("rb").close()
print(cache.reads, all(a is b for a, b in zip(files, again)), total == total)
"""


def test_hundreds_of_cached_files_need_no_open_file_each(tmp_path: Path) -> None:
    source = write_lora(tmp_path / "source.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(source), str(LIMIT), str(COUNT)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(COUNT), "True", "True"]
