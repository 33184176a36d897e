"""The HTTP gateway: a provider's webhook is verified, stored as it came, and only then answered with 200."""

from app.gateway.server import run_gateway

__all__ = ["run_gateway"]
