"""Fuzzing, guided by coverage: `python -m tests.fuzz [--runs N] [TARGET ...]`.

Each target runs in a process of its own. What ends one is kept under `--findings`, and the
command then ends with 1. It ends with 3 where atheris is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.paths import ROOT

RUNS = 20_000
NO_ATHERIS = 3
DONE = re.compile(rb"Done (\d+) runs? in")


def main(arguments: list[str] | None = None) -> int:
    if importlib.util.find_spec("atheris") is None:
        print(
            "atheris is not installed: it has no wheel for this Python or system. The properties"
            " in tests/fuzz/test_targets.py run without it.",
            file=sys.stderr,
        )
        return NO_ATHERIS
    from tests.fuzz.seeds import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    options = parser.parse_args(arguments)
    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    chosen = options.targets or list(TARGETS)
    fine = [_fuzzed(name, options.runs, options.seed, options.findings) for name in chosen]
    return 0 if all(fine) else 1


def _fuzzed(name: str, runs: int, seed: int, findings: Path) -> bool:
    """Run one target, and say what came of it."""
    from tests.fuzz.seeds import TARGETS

    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(TARGETS[name].seeds):
            (Path(corpus) / f"seed-{number}").write_bytes(data)
        longest = TARGETS[name].longest
        command = [
            sys.executable, "-m", "tests.fuzz.one", name, corpus, f"-runs={runs}",
            f"-seed={seed}", "-timeout=30", "-rss_limit_mb=2048", f"-max_len={longest}",
            f"-artifact_prefix={findings.resolve() / name}-", "-print_final_stats=1",
        ]  # fmt: skip
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    seconds = time.monotonic() - started
    counted = DONE.search(done.stderr)
    if done.returncode == 0 and counted:
        print(f"{name}: {int(counted[1]):,} runs in {seconds:.0f} s, nothing found", flush=True)
        return True
    print(f"{name}: FOUND something after {seconds:.0f} s (see {findings})", flush=True)
    print(done.stdout.decode(errors="replace")[-4000:])
    print(done.stderr.decode(errors="replace")[-4000:], flush=True)
    return False


if __name__ == "__main__":
    sys.exit(main())
