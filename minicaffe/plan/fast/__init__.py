"""The fast plan: a graph becomes a program of rows, see ``builder``."""
