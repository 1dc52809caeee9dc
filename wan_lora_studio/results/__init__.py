"""The finished videos: what is there, what each says of itself, and how to make it again.

Imports neither torch nor an MP4 library: a video's settings are read by walking its boxes.
"""
