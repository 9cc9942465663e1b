"""Environments and schedules for tuning while an agent is trained."""
