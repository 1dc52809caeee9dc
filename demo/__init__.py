"""The recipe behind `models/demo` and the demo LoRAs."""
