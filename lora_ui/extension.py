"""Extension: the LoRA tab in someone else's Gradio app, with all that it needs there.

lora = LoRAExtension(loras_dir="loras", pipeline=pipe)
with gr.Blocks() as demo:
    with gr.Tab("LoRAs"):
        lora.tab()
    with gr.Tab("Generate"):
        picked = lora.controls()
demo = lora.launch(demo)
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.context import get_blocks_context

from lora_ui.generation_controls import create_generation_controls
from lora_ui.host_fields import known_fields, wire_comparison, wire_fields
from lora_ui.host_model import HostModel
from lora_ui.hosting import attach_to, belongs_to, extensions_of, launched, serve_after_reload
from lora_ui.http import PREFIX, GiveVideos, Shown, create_sub_app, videos_of
from lora_ui.lora_tab import _create_lora_tab
from lora_ui.panels import Features, Place
from lora_ui.selection_value import SelectionValue
from lora_ui.uses import Uses
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.results import ResultLibrary
from wan_lora_studio.settings import SHIPPED_CONFIG, Settings, load_settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager

if TYPE_CHECKING:
    from gradio.components import Component
    from starlette.types import ASGIApp

    from wan_lora_studio.wan.adapters import AppliedStack, WantedMode

MOST_PANELS = 1000  # of a page
# Where Gradio renders pages with Node, that stands before Python and passes on what is below.
GRADIO_API = "/gradio_api"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?")


class LoRAExtension:
    """The library at `loras_dir`, which is made if need be, with its tab and its controls.

    `pipeline` is the host's diffusers pipeline, now or later by its property; `model_type` names
    a row of the model table in its place, as long as there is none. `settings` are fields that
    differ from the defaults, or a whole `Settings`. `name` tells extensions apart whose
    addresses would be the same; without it the folder does.

    What the host does not have is not shown, unless it gives it: `generate` and `fill` as
    `controls` takes them, and as `results` its videos, which a LoRA's details show and take
    pictures from: a `ResultLibrary`, or a function that gives the paths of the videos that were
    made with the LoRA of a name, and of all for "", the newest first.

    Raises SettingsError. Writes nothing but the library's folder, and beside it a hidden one
    with what the page keeps for its users.
    """

    def __init__(
        self,
        loras_dir: str | Path,
        pipeline: Any = None,
        model_type: str | None = None,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
        name: str | None = None,
        generate: Callable[..., Any] | None = None,
        fill: Mapping[str, Component] | None = None,
        results: ResultLibrary | GiveVideos | None = None,
    ) -> None:
        self._given = settings
        self._generate, self._fill = generate, fill
        self._videos = None if results is None else videos_of(results)
        self._model = HostModel(model_type)
        self._pipeline = pipeline
        self._lock = threading.RLock()
        self._uses = Uses()
        self._libraries = 0
        self._panels: frozenset[str] = frozenset()
        made = _settings(loras_dir, settings)
        self.key = _key(made.loras_dir) if name is None else _checked(name)
        self._show(made)

    @property
    def loras(self) -> LoRAManager:
        """The library, for scripts; the page shows the same."""
        return self._loras

    @property
    def loras_dir(self) -> Path:
        """The library's folder. Another one may be set at any time; open pages show it then."""
        return self._loras.root

    @loras_dir.setter
    def loras_dir(self, folder: str | Path) -> None:
        self._show(_settings(folder, self._given))

    @property
    def pipeline(self) -> Any:
        """The pipeline whose model the page judges by. Another may be set at any time, or None."""
        return self._pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Any) -> None:
        with self._lock:
            self._pipeline = pipeline
            self._tell_model()

    @property
    def panels(self) -> frozenset[str]:
        """The elements of the host's page that are this extension's."""
        return self._panels

    @property
    def sub_app(self) -> ASGIApp:
        return self._sub_app

    def tab(self) -> None:
        """Build the tab's contents: uploads, the library, and what is selected.

        Call it within `gr.Blocks`, where the tab shall be.
        """
        self._require_blocks("tab")
        if f"lora-tab-{self.key}" in self._panels_here():
            raise SettingsError(
                say("lora_ui.extension.twice"),
                cause=say("lora_ui.extension.twice_cause"),
                suggestions=[
                    say("lora_ui.extension.once"),
                    say("lora_ui.extension.name_second"),
                ],
                context={"key": self.key},
            )
        self._keep(_create_lora_tab(self.loras.settings, self._place("lora-tab")))

    def controls(
        self,
        *,
        fill: Mapping[str, Component] | None = None,
        generate: Callable[..., Any] | None = None,
        inputs: Sequence[Component] = (),
        outputs: Component | Sequence[Component] | None = None,
    ) -> SelectionValue:
        """Build the controls of what is selected; gives their component.

        Its value is `{name: strength}`: an input of any event, an output too, and of the Gradio
        client. Call it within `gr.Blocks`, near the button that generates.

        `fill` are fields of the page by what they are: prompt, negative_prompt, steps,
        guidance_scale, guidance_scale_2, flow_shift. Trigger words then go into the prompt,
        LoRAs that are written into it become part of the selection, and an accelerator's
        settings can be used.

        `generate(parts, *inputs)` makes several videos for `outputs`, and adds buttons that
        compare: with and without the LoRAs, and a LoRA at several strengths. Each part is
        `{"label": text, "loras": {name: strength}}`. It is an event as any other of Gradio's.
        """
        self._require_blocks("controls")
        fields = known_fields(self._fill or {} if fill is None else fill)
        generate = generate or self._generate
        place = self._place("lora-controls", compare=generate is not None, fill=bool(fields))
        made = create_generation_controls(self.loras.settings, place)
        self._keep(made)
        if fields:
            wire_fields(made, fields, place)
        if generate is not None:
            wire_comparison(made, generate, inputs, outputs, place)
        return made

    def attach(self, app: Any) -> None:
        """Serve the extension on a FastAPI app on which the page is, or will be, mounted."""
        attach_to(app, self)

    def launch(self, demo: gr.Blocks, **options: Any) -> gr.Blocks:
        """`demo.launch(**options)`, with every extension of the page served too; gives `demo`.

        Blocks as that does. Raises SettingsError if the page has nothing of this extension.
        """
        served = extensions_of(demo)
        if self not in served:
            raise SettingsError(
                say("lora_ui.extension.nothing"),
                cause=say("lora_ui.extension.nothing_cause"),
                suggestions=[say("lora_ui.extension.call_either")],
            )
        if not launched(demo, options, served):
            serve_after_reload(demo, served)
        return demo

    def applied(
        self,
        pipe: Any,
        picked: Mapping[str, Any] | None,
        mode: WantedMode | None = None,
        wait: bool | float = True,
    ) -> AbstractContextManager[AppliedStack]:
        """Apply what was picked to a pipeline while inside; yields the report.

        `picked` is the value of `controls()`, or any `{name: strength}`; None and `{}` apply
        nothing, and make others wait all the same. All is as in `generate_video`: merged exactly
        or added at runtime (`mode`: auto, merge or runtime), a strength for each expert,
        schedules by the pipeline's own steps, and afterwards every weight as it was before. The
        cards show what is applied; what came to its end counts as used.

        A pipeline has one owner at a time: this waits for others, and with `wait=False`, or
        after so many seconds, raises InUseError. An event that yields inside keeps it, in
        whichever threads Gradio runs its parts. Raises a LoRAError that names the LoRA, and
        GenerationError for what is no strength.
        """
        if self.pipeline is None:
            self._model.learn(self.loras, pipe)
        self._tell_model()
        model = self.loras.settings.default_model
        return self._uses.applied(self.loras, pipe, picked, mode, wait=wait, model_type=model)

    def _show(self, settings: Settings) -> None:
        """Show the library of these settings from now on."""
        loras = LoRAManager(settings)
        loras.follow_worker(self._uses.states)
        with self._lock:
            self._model.tell(loras, self._pipeline)
            self._libraries += 1
            shown = Shown(self.key, str(self._libraries), loras, self._states, self._videos)
            self._loras, self._sub_app = loras, create_sub_app(shown)

    def _tell_model(self) -> None:
        """Have the library judge by the pipeline, in which the host may exchange parts."""
        self._model.tell(self._loras, self._pipeline)

    def _states(self) -> Mapping[str, Any]:
        """What pages ask for again and again."""
        self._tell_model()
        return self._uses.states()

    def _keep(self, panel: gr.HTML) -> None:
        belongs_to(panel, self)
        self._panels = self._panels | {str(panel.elem_id)}

    def _place(self, panel: str, *, compare: bool = False, fill: bool = False) -> Place:
        """Where a panel goes; a second one of its kind on a page has an id of its own."""
        results = self._videos is not None
        features = Features(worker=False, grid=False, compare=compare, results=results, fill=fill)
        here = self._panels_here()
        suffixes = (f"-{self.key}", *(f"-{self.key}-{number}" for number in range(2, MOST_PANELS)))
        suffix = next(each for each in suffixes if f"{panel}{each}" not in here)
        return Place(features, f"{GRADIO_API}{PREFIX}/{self.key}", suffix)

    def _panels_here(self) -> frozenset[str]:
        """The ids of elements of the page that is being built."""
        page = get_blocks_context()
        blocks = {} if page is None else page.blocks
        return frozenset(b.elem_id for b in blocks.values() if b.elem_id is not None)

    def _require_blocks(self, method: str) -> None:
        if get_blocks_context() is None:
            raise SettingsError(
                say("lora_ui.extension.outside", method=method),
                cause=say("lora_ui.extension.outside_cause"),
                suggestions=[say("lora_ui.extension.call_inside", method=method)],
            )


def _settings(loras_dir: str | Path, given: Settings | Mapping[str, Any] | None) -> Settings:
    """The settings of one library. Those of the studio on this computer have no part in them."""
    if isinstance(given, Settings):
        fields = {name: getattr(given, name) for name in Settings.model_fields}
    else:
        fields = dict(given or {})
    fields["loras_dir"] = folder = Path(loras_dir).expanduser().resolve()
    if not isinstance(given, Settings):
        # Beside the library, not inside it, where every file and folder is shown.
        fields.setdefault("data_dir", folder.parent / f".{folder.name}-studio")
    return load_settings(SHIPPED_CONFIG, **fields)


def _key(loras_dir: Path) -> str:
    """The same for the same folder, after a restart too."""
    word = re.sub(r"[^a-z0-9]+", "-", loras_dir.name.lower()).strip("-")[:24] or "library"
    return f"{word}-{hashlib.sha256(str(loras_dir).encode(errors='replace')).hexdigest()[:8]}"


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise SettingsError(
            say("lora_ui.extension.bad_name", name=repr(name)),
            cause=say("lora_ui.extension.bad_name_cause"),
            suggestions=[say("lora_ui.extension.good_names")],
        )
    return name
