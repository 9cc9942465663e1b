"""Objectives: trials in, results out."""
