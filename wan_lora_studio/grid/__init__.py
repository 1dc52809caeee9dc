"""Grid: one task varied along one or two axes, as cells that each are a complete run.

Axes, titles and labels, what each cell changes of the task, what two axes cannot do together. It
runs nothing and knows no queue.
"""

from __future__ import annotations

from wan_lora_studio.grid.axes import MOST_CELLS, Grid
from wan_lora_studio.grid.cells import cells_of
from wan_lora_studio.grid.facts import GridFacts
from wan_lora_studio.grid.labels import NamedGrid, named
from wan_lora_studio.grid.problems import GridProblem, problems_of

__all__ = [
    "MOST_CELLS",
    "Grid",
    "GridFacts",
    "GridProblem",
    "NamedGrid",
    "cells_of",
    "named",
    "problems_of",
]
