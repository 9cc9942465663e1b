"""Training many runs at once: the runner, evaluation, the machine, and agents as files."""
