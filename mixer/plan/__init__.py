"""Weights -> a plan in integers: sequences per domain and shard, from which shares are derived."""
