"""Agents and their training: algorithms, networks, and the runner that trains many runs as lanes of one program."""
