"""Messages: errors and notices in words, with what happened, why, and what to do next."""

from __future__ import annotations

from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import GenerationError, SettingsError, StudioError, UploadError
from wan_lora_studio.units import from_mb


def in_words(error: StudioError) -> str:
    """An error as it is printed in a terminal."""
    lines = [f"Error: {error.message}"]
    if error.cause != error.default_cause:
        lines.append(f"  {error.cause}")
    lines += [f"  - {suggestion}" for suggestion in error.suggestions]
    return "\n".join(lines)


def job_not_found(message: str) -> StudioError:
    return GenerationError(
        message,
        cause="It was cleared from the queue, or the id is that of another installation.",
        suggestions=["Reload the page to see the runs that there are."],
        context={"status": 404},
    )


def not_in_trash() -> StudioError:
    return GenerationError(
        "The trash holds no result with this id.",
        cause="It was brought back, or removed for good.",
        suggestions=["Open the trash again to see what it holds."],
        context={"status": 404},
    )


def result_gone() -> StudioError:
    return GenerationError(
        "The file of this result is not there any more, or is no longer what it was.",
        suggestions=["Reload the page to see the results that there are."],
        context={"status": 404},
    )


def picture_gone() -> StudioError:
    return GenerationError(
        "The input picture is not on the server any more.",
        suggestions=["Choose the picture again."],
    )


def too_large(limit: int) -> StudioError:
    return UploadError(
        f"The file is larger than {limit // from_mb(1)} MB.",
        suggestions=["Choose a smaller file; the JSON beside a video holds its settings as well."],
        context={"status": 413},
    )


def port_taken(host: str, port: int) -> StudioError:
    return SettingsError(
        f"Port {port} of {host} is already in use, perhaps by this program itself.",
        suggestions=[
            f"Choose another port: {COMMAND} --port {port + 1}",
            f"Let the system choose one: {COMMAND} --port 0",
        ],
    )


def address_unusable(host: str, reason: str) -> StudioError:
    return SettingsError(
        f"The page cannot be served on {host}: {reason}.",
        suggestions=["Leave --host out to serve this computer only (127.0.0.1)."],
    )


def password_needed(host: str) -> StudioError:
    return SettingsError(
        f"Serving on {host} lets other computers in, and no password is set.",
        suggestions=[
            "Write 'user:password' into a file and start with --login-file FILE.",
            "Leave --host out to serve this computer only (127.0.0.1).",
        ],
    )
