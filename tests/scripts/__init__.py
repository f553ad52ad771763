"""Programs as PyTorch users write them: test_scripts.py runs them here, import lines changed."""
