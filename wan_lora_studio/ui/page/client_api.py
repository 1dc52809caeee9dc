"""Client API: named endpoints for the Gradio client; the rest is under `/api/docs`.

Gradio reads the annotations of the endpoints as they are, so they are no strings in this file.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from gradio.events import api
from pydantic import ValidationError

from lora_ui.http import Found
from wan_lora_studio.errors import StudioError
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.results import ResultLibrary, ResultQuery
from wan_lora_studio.ui.forms import Submission, TaskForms
from wan_lora_studio.ui.http import CpuMeter, ResultList
from wan_lora_studio.ui.messages import job_not_found
from wan_lora_studio.wan.lora_manager import LoRAManager

LOOK_SECONDS = 0.3
LARGEST_PAGE = 200
OPEN_STATES = ("queued", "running")
P = ParamSpec("P")
R = TypeVar("R")


def add_client_api(
    queue: JobQueue, forms: TaskForms, loras: LoRAManager, results: ResultLibrary
) -> None:
    """Add the endpoints to the page that is being built."""
    _add_jobs(queue, forms)
    _add_finding(queue, loras, results)


def _add_jobs(queue: JobQueue, forms: TaskForms) -> None:
    @_told
    def submit(
        task: dict[str, Any],
        parts: list[dict[str, Any]] = [],  # noqa: B006 - shown as the default, never changed
        priority: int = 0,
    ) -> dict[str, Any]:
        """Queue a video, or with parts a batch of them; gives the job, with its id."""
        form = Submission.model_validate({"task": task, "parts": parts, "priority": priority})
        wanted, made = forms.batch(form)
        return queue.submit(wanted, parts=made, priority=form.priority).to_dict()

    @_told
    def job(job_id: str) -> dict[str, Any]:
        """One job, with its progress while it runs and its result when it is done."""
        return _found(queue, job_id)

    @_told
    def cancel(job_id: str) -> dict[str, Any]:
        """Cancel a waiting or running job."""
        queue.cancel(job_id)
        return _found(queue, job_id)

    @_told
    def retry(job_id: str) -> dict[str, Any]:
        """Queue a job again that failed, was cancelled or interrupted; gives it as it is now."""
        return queue.retry(job_id).to_dict()

    async def generate(task: dict[str, Any]) -> dict[str, Any]:
        """Make a video and wait for it; gives the job, whose result names the files."""
        made = await asyncio.to_thread(submit, task)
        while made["state"] in OPEN_STATES:
            await asyncio.sleep(LOOK_SECONDS)
            made = await asyncio.to_thread(job, made["id"])
        if made["state"] != "done":
            raise _refusal(made)
        return made

    for endpoint in (submit, job, cancel, retry, generate):
        _add(endpoint)


def _add_finding(queue: JobQueue, loras: LoRAManager, results: ResultLibrary) -> None:
    cpu = CpuMeter()

    @_told
    def status() -> dict[str, Any]:
        """Workers, the job to show, the queue, and the use of the CPU."""
        return {**queue.status(), "cpu": cpu.read().to_dict()}

    @_told
    def find_loras(query: str = "", offset: int = 0, limit: int = 60) -> dict[str, Any]:
        """The LoRAs that have all words of the query: `total`, `names` and `loras`, the records."""
        page = loras.find_loras(query, offset=max(0, offset), limit=_page(limit))
        found = Found.of(page).model_dump()
        for record in found["loras"]:
            # The client would take what has a "path" for a file of Gradio's, and ask for it.
            record.pop("path", None)
        return found

    @_told
    def find_results(query: str = "", cursor: str = "", limit: int = 48) -> dict[str, Any]:
        """`results`, the newest first, with the `total`, and `next`, the cursor of what follows."""
        page = results.find(ResultQuery(query), cursor, _page(limit))
        return ResultList.of(page).model_dump()

    _add(status)
    _add(find_loras, "loras")
    _add(find_results, "results")


def _page(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def _add(endpoint: Callable[..., Any], name: str = "") -> None:
    api(endpoint, api_name=name or endpoint.__name__, concurrency_limit=None)


def _found(queue: JobQueue, job_id: str) -> dict[str, Any]:
    found = queue.get(job_id)
    if found is None:
        raise job_not_found("There is no run with this id.")
    return found.to_dict()


def _told(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose refusal reaches the client in words."""

    @functools.wraps(function)
    def told(*arguments: P.args, **options: P.kwargs) -> R:
        try:
            return function(*arguments, **options)
        except StudioError as error:
            words = " ".join([error.message, *error.suggestions])
        except ValidationError as error:
            words = "; ".join(f"{item['loc']}: {item['msg']}" for item in error.errors())
        raise gr.Error(words, print_exception=False)

    return told


def _refusal(job: dict[str, Any]) -> gr.Error:
    error = job["error"] or {}
    words = [f"The run {job['id']} is {job['state']}.", error.get("message", "")]
    return gr.Error(
        " ".join(filter(None, [*words, *error.get("suggestions", ())])), print_exception=False
    )
