"""minigrad beside what a user would pick instead: `python -m benchmarks` (see `__main__.py`).

cases.py          what is compared: ten cases, their contestants and targets; imports nothing heavy
workloads.py      the models and training steps, written once for both frameworks
frameworks.py     minigrad and PyTorch behind one handle, and PyTorch's best settings
handwritten.py    the MLP VAE's training step in NumPy with no framework
floor.py          the bare matrix products that each step cannot avoid
worker.py         one contestant in a process of its own, taking orders as JSON lines
scaling.py        the four training steps with growing batches, and with 1 and 2 threads
runner.py         starts the workers, lets them take turns, takes medians and ratios
report.py         the table and the JSON file
"""
