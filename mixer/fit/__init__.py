"""Losses of proxy runs -> laws with their held-out error and the noise between seeds."""
