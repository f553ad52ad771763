"""Generative models: each file has a family's network, objective and training step side by side."""
