"""The LoRA extension's Gradio half.

Another Gradio app mounts it with three calls: `lora_tab._create_lora_tab` inside a tab,
`routes.create_lora_router` and `routes.lora_assets` on its FastAPI app, before Gradio's mount.
"""
