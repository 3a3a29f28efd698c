"""Which documents a plan reads, how often and in which steps: trainers' orders replayed from seed and settings."""
