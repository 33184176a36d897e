"""The product as its operator runs it: broker, topics and workers by the command line of a checkout."""
