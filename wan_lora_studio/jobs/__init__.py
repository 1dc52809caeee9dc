"""The persistent queue, and the worker process that makes the videos. No torch in this process."""
