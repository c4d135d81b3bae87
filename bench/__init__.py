"""Benchmarks: printed tables of ratios against a rival or a limit measured in the same run. Never a test."""
