"""Harnesses that run for long; a small form of each is in the suite."""
