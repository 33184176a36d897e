"""Measurements: figures of one run side by side, never asserted by a test."""
