"""What a worker asks of the brokers beside being in its group: transactions, offsets and fetches."""
