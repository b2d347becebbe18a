"""Tests: `python -m unittest discover`."""
