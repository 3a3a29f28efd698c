"""Proxy models: one row of a design in, held-out losses out."""
