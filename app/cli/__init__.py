"""The command ``undelivered``.

Commands import what they need when they run: `normalize` and `classify` start without Kafka's and Faust's libraries.
"""

from app.cli.program import main

__all__ = ["main"]
