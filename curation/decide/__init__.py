"""Verdicts: the only place with thresholds. Rules over stored values, leaks, then survivors of duplicates."""
