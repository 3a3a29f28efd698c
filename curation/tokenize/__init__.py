"""Kept text to token shards: one domain and split each, documents in a seeded permutation."""
