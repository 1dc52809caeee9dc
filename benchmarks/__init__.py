"""Measurements that one command repeats: `python -m benchmarks lora`."""
