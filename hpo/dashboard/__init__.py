"""The dashboard: web pages of a store, which show sweeps while they run and change nothing."""
