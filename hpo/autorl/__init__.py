"""Tuning while an agent is trained: environments and schedules."""
