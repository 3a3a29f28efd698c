"""What a recommendation rests on, and whether it may be called supported."""
