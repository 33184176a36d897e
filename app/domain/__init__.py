"""The judgements: pure functions on rows and records, no Kafka, no clock, no I/O."""
