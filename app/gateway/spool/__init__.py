"""The gateway's spool: records wait on the local disk, in order, while the brokers are away."""

from app.gateway.spool.disk import SpoolError, SpoolFullError
from app.gateway.spool.entries import Entry
from app.gateway.spool.folder import adopt
from app.gateway.spool.spool import Spool, open_spool

__all__ = ["Entry", "Spool", "SpoolError", "SpoolFullError", "adopt", "open_spool"]
