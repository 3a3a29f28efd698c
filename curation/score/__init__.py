"""Scores and spans of raw text: numba kernels over Arrow buffers, one file per group of columns."""
