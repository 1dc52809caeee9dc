"""A host with elements and styles of its own; with EXTENSION=no it has nothing of ours."""

import os

import gradio as gr

from wan_lora_studio import LoRAExtension

OWN = """
<div id="own">
  <h2 class="section-title">Own heading</h2>
  <p class="muted problem">Text with <code>code</code>, <a href="#">a link</a> and <kbd>K</kbd></p>
  <table class="costs"><tr><th>a</th><td>1</td></tr></table>
  <button class="button chip icon-button card">Own button</button>
  <input class="field search" value="own"> <select class="field"><option>one</option></select>
  <textarea class="field">own</textarea> <progress value="0.5"></progress>
  <svg class="icon" viewBox="0 0 20 20"><path d="M2 2h16v16z"/></svg>
  <div class="box"><span class="badge">own</span><span class="visually-hidden">own</span></div>
  <ul class="stack menu panel"><li class="dragged upload">own</li></ul>
  <div class="no-thumbnail toast set details"><details><summary>own</summary></details></div>
</div>
"""
# What people write into `css`; Gradio puts its own container in front of each.
RUDE = """
* { box-sizing: content-box; letter-spacing: 2px; }
button { padding: 30px; border-radius: 0; background: red; color: lime; text-transform: uppercase; }
input, select, textarea { width: 50px; border: 9px solid lime; background: yellow; }
p, li, h2, h3 { margin: 40px; font-size: 60px; color: lime; }
table, td, th { border: 5px solid lime; }
svg { width: 300px; height: 300px; } svg, path { fill: red; stroke: red; }
img { border: 9px solid red; } label { display: block; font-weight: 900; }
.icon, .box, .badge, .card, .button { border: 9px solid red; background: red; margin: 30px; }
"""

with gr.Blocks() as demo:
    gr.HTML(OWN)
    with gr.Tab("Own"):
        gr.Textbox(label="Prompt")
        gr.Button("Generate", variant="primary")
        gr.Dataframe([[1, 2]])
        gr.Markdown("# Title\n\nText with `code`.\n\n- one\n\n| a | b |\n|-|-|\n| 1 | 2 |")
    with gr.Tab("LoRAs"):
        if os.environ.get("EXTENSION") != "no":
            lora = LoRAExtension(loras_dir=os.environ["LORAS"], model_type="demo")
            lora.controls()
            lora.tab()

if __name__ == "__main__":
    css = RUDE if os.environ.get("RUDE") else None
    if os.environ.get("EXTENSION") == "no":
        demo.launch(css=css)
    else:
        lora.launch(demo, css=css)
