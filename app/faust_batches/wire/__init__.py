"""What goes over the wire to the brokers beside what aiokafka's consumer does: one transaction for each round."""
