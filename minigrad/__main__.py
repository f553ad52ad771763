"""`python -m minigrad` says what there is to compute with: versions, devices, the BLAS, threads."""

from .machine import report

print(report())
