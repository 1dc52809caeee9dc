"""Client API: named endpoints for the Gradio client; the rest is under `/api/docs`.

Gradio reads the annotations of the endpoints as they are, so they are no strings in this file.
"""

import asyncio
from typing import Any

import gradio as gr

from lora_ui.http import Found
from wan_lora_studio.jobs.job import Job
from wan_lora_studio.jobs.news import MOST_SECONDS, JobNews
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.results import ResultLibrary, ResultQuery
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms import Submission, TaskForms
from wan_lora_studio.ui.http import CpuMeter, ResultList
from wan_lora_studio.ui.messages import job_not_found
from wan_lora_studio.ui.page.client_library import add_library_endpoints, without_path
from wan_lora_studio.ui.page.endpoints import add_endpoint, told, told_later
from wan_lora_studio.wan.lora_manager import LoRAManager

LARGEST_PAGE = 200
OPEN_STATES = ("queued", "running")


def add_client_api(
    queue: JobQueue,
    forms: TaskForms,
    loras: LoRAManager,
    uploads: LoRAUploadHandler,
    results: ResultLibrary,
) -> None:
    """Add the endpoints to the page that is being built."""
    _add_jobs(queue, forms)
    _add_finding(queue, loras, results)
    add_library_endpoints(loras, uploads)


def _add_jobs(queue: JobQueue, forms: TaskForms) -> None:
    news = JobNews(queue)

    @told
    def submit(
        task: dict[str, Any],
        parts: list[dict[str, Any]] = [],  # noqa: B006 - shown as the default, never changed
        priority: int = 0,
        grid: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Queue a video, with parts a batch of them, or with a grid its cells; gives the job,
        with its id."""
        asked = {"task": task, "parts": parts, "priority": priority, "grid": grid}
        form = Submission.model_validate(asked)
        wanted, made = forms.batch(form)
        job = queue.submit(wanted, parts=made, grid=forms.grid(form), priority=form.priority)
        return job.to_dict()

    @told
    def job(job_id: str) -> dict[str, Any]:
        """One job, with its progress while it runs and its result when it is done."""
        return _plain(queue.get(job_id))

    @told_later
    async def wait(job_id: str, seconds: float = MOST_SECONDS) -> dict[str, Any]:
        """The job once its state is another, or after so many seconds, at most 60."""
        return _plain(await news.job(job_id, seconds))

    @told
    def cancel(job_id: str) -> dict[str, Any]:
        """Cancel a waiting or running job."""
        queue.cancel(job_id)
        return _plain(queue.get(job_id))

    @told
    def retry(job_id: str) -> dict[str, Any]:
        """Queue a job again that failed, was cancelled or interrupted; gives it as it is now."""
        return queue.retry(job_id).to_dict()

    async def generate(task: dict[str, Any]) -> dict[str, Any]:
        """Make a video and wait for it; gives the job, whose result names the files."""
        made = await asyncio.to_thread(submit, task)
        while made["state"] in OPEN_STATES:
            made = await wait(made["id"])
        if made["state"] != "done":
            raise _refusal(made)
        return made

    for endpoint in (submit, job, wait, cancel, retry, generate):
        add_endpoint(endpoint)


def _add_finding(queue: JobQueue, loras: LoRAManager, results: ResultLibrary) -> None:
    cpu = CpuMeter()

    @told
    def status() -> dict[str, Any]:
        """Workers, the job to show, the queue, and the use of the CPU."""
        return {**queue.status(), "cpu": cpu.read().to_dict()}

    @told
    def find_loras(query: str = "", offset: int = 0, limit: int = 60) -> dict[str, Any]:
        """The LoRAs that have all words of the query: `total`, `names` and `loras`, the records."""
        page = loras.find_loras(query, offset=max(0, offset), limit=_page(limit))
        found = Found.of(page).model_dump()
        return {**found, "loras": [without_path(record) for record in found["loras"]]}

    @told
    def find_results(query: str = "", cursor: str = "", limit: int = 48) -> dict[str, Any]:
        """`results`, the newest first, with the `total`, and `next`, the cursor of what follows."""
        page = results.find(ResultQuery(query), cursor, _page(limit))
        return ResultList.of(page).model_dump()

    add_endpoint(status)
    add_endpoint(find_loras, "loras")
    add_endpoint(find_results, "results")


def _page(limit: int) -> int:
    return max(1, min(limit, LARGEST_PAGE))


def _plain(job: Job | None) -> dict[str, Any]:
    if job is None:
        raise job_not_found(say("ui.messages.no_job"))
    return job.to_dict()


def _refusal(job: dict[str, Any]) -> gr.Error:
    error = job["error"] or {}
    words = [say("ui.page.job_state", id=job["id"], state=job["state"]), error.get("message", "")]
    return gr.Error(
        " ".join(filter(None, [*words, *error.get("suggestions", ())])), print_exception=False
    )
