"""A design as jobs of the user's own trainer: one folder per run, which anneals a checkpoint on the run's mixture."""
