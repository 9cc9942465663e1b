"""Pages and pictures of sweeps, comparisons and landscapes."""
