"""Runs: planned, carried out in a process each, here or on an engine, timed."""
