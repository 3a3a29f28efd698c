"""The parts of benchmarks/decontaminate.py: planted leaks, ordinary documents, our search, the peers, the figures."""
