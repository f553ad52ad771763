"""Experiments: each shows one claim of the lecture by a picture, and by numbers and a control."""
