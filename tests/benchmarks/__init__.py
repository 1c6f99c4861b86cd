"""The eight workloads W1-W8 for graphnet, NumPy by hand and the frameworks, side by side.

python -m tests.benchmarks --help
"""
