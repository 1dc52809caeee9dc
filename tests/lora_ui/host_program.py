"""A Gradio app that is not ours, with the extension in it: `host_program FOLDER... [JSON]`.

Each folder is a library with a tab and controls of its own. The JSON are options of launch(). The
address and the extensions' keys are printed; a folder that is then written to the program's input
becomes the first extension's library.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gradio as gr

from wan_lora_studio import LoRAExtension


def page(*extensions: LoRAExtension) -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as demo:
        for number, extension in enumerate(extensions):
            with gr.Tab(f"LoRAs {number}"):
                extension.tab()
            with gr.Tab(f"Generate {number}"):
                picked = extension.controls()
                out = gr.JSON()
                gr.Button("Generate").click(told, picked, out, api_name=f"generate_{number}")
                gr.Button("Preset").click(preset, None, picked, api_name=f"preset_{number}")
    return demo


def told(picked: dict[str, Any]) -> dict[str, Any]:
    return {"picked": picked}


def preset() -> dict[str, Any]:
    return {"golden_hour": {"high": 1, "low": [[0, 1], [0.5, 0.25]]}}


def main() -> None:
    *folders, options = sys.argv[1:]
    extensions = [LoRAExtension(folder, model_type="demo") for folder in folders]
    demo = page(*extensions)
    launch = {"quiet": True, "prevent_thread_lock": True, **json.loads(options)}
    if "auth" in launch:
        launch["auth"] = tuple(launch["auth"])
    demo = extensions[-1].launch(demo, **launch)
    told = [demo.local_url, *(extension.key for extension in extensions)]
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        extensions[0].loras_dir = line.strip()
        print("done", flush=True)


if __name__ == "__main__":
    main()
