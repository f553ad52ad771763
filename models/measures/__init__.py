"""Measures of generative models: how good samples are, as numbers."""
