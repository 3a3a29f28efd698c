"""Leaks: documents that hold text of benchmark or evaluation items."""
