"""The text format of Prometheus."""

from __future__ import annotations

import math

from wan_lora_studio.ui.http.prometheus import Metric, exposition, single


def test_labels_and_help_are_escaped() -> None:
    metric = Metric("a", "gauge", "two\nlines \\", (({"label": 'a "quoted" \\ \n'}, 1.5),))
    assert exposition([metric]) == (
        '# HELP a two\\nlines \\\\\n# TYPE a gauge\na{label="a \\"quoted\\" \\\\ \\n"} 1.5\n'
    )


def test_numbers_are_written_exactly() -> None:
    values = (3.0, 0.1, 12_345_678_901, math.inf, -math.inf, math.nan)
    text = exposition(single("m", "counter", "x", value) for value in values)
    samples = [line.split(" ")[1] for line in text.splitlines() if not line.startswith("#")]
    assert samples == ["3", "0.1", "12345678901", "+Inf", "-Inf", "NaN"]
