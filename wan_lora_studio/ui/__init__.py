"""The host app's Gradio half: the page around the generate tab and the LoRA tab."""
