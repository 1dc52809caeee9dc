"""The whole app in a process of its own, used over HTTP and looked at from outside."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"is ready: (http://\S+/)")
START_SECONDS = 180.0
STOP_SECONDS = 30.0
ANSWER_SECONDS = 60.0


class LiveApp:
    """`app.py` over folders inside `folder`, with the demo model and a copy of its LoRAs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """`arguments` go to `app.py`."""
        self.folder, self._arguments = folder, arguments
        self.loras, self.outputs = folder / "loras", folder / "outputs"
        if not self.loras.exists():
            shutil.copytree(ROOT / "loras", self.loras, ignore=shutil.ignore_patterns(".*"))
        self._log = folder / "app.log"
        self.process, self.address = self._start()

    def _start(self) -> tuple[subprocess.Popen[bytes], str]:
        places = [("loras", self.loras), ("outputs", self.outputs), ("data", self.folder / "data")]
        named = [part for name, path in places for part in (f"--{name}-dir", str(path))]
        with self._log.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), "--port", "0", "--no-browser", *named,
                 "--models-dir", str(ROOT / "models"), "--device", "cpu", *self._arguments],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(),
            )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            if found := READY.search(self._log.read_text()):
                return process, found.group(1)
            time.sleep(0.05)
        process.kill()
        process.wait()
        raise RuntimeError(f"the app did not start: {self._log.read_text()}")

    def restart(self) -> None:
        """Start it again after `kill`, on the same folders."""
        self.process, self.address = self._start()

    def get(self, path: str) -> Any:
        """The answer's JSON. Raises urllib.error.HTTPError for a refusal."""
        with urllib.request.urlopen(self.address + path, timeout=ANSWER_SECONDS) as answer:
            return json.loads(answer.read() or b"null")

    def post(self, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data, headers, method="POST")
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return json.loads(answer.read() or b"null")

    def submit(self, task: dict[str, Any], **fields: Any) -> str:
        """The job's id."""
        return str(self.post("api/jobs", {"task": task, **fields})["id"])

    def wait(self, job_id: str, seconds: float) -> dict[str, Any]:
        """The job once it has ended. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self.get(f"api/jobs/{job_id}")
            if job["state"] not in ("queued", "running"):
                return job
            if time.monotonic() > end:
                raise TimeoutError(f"job {job_id} is {job['state']} after {seconds} s")
            time.sleep(0.05)

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Until a worker is there that has loaded the default model."""
        end = time.monotonic() + seconds
        while (worker := self.get("api/status")["worker"])["state"] != "ready":
            if time.monotonic() > end:
                raise TimeoutError(f"the worker is {worker['state']}: {worker['detail']}")
            time.sleep(0.1)

    def workers(self) -> list[psutil.Process]:
        """The worker processes that are there now."""
        try:
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """SIGKILL, as by the system or a power switch."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


def environment() -> dict[str, str]:
    """For a process of the app: without a person's own settings, without a rest unflushed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAN_LORA_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "GRADIO_ANALYTICS_ENABLED": "False"}


@contextmanager
def live_app(folder: Path, *arguments: str) -> Iterator[LiveApp]:
    app = LiveApp(folder, *arguments)
    try:
        yield app
    finally:
        app.close()
