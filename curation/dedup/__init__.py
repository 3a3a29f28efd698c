"""Duplicates: signatures of the clean text, candidate pairs, verification by true Jaccard, and who survives."""
