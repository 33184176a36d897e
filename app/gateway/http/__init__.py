"""HTTP/1.1 as the gateway speaks it: waits, sizes and numbers are bounded, and nothing of a request is logged."""
