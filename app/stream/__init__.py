"""The worker: Faust agents between the topics. Short loops: decode, reduce, one transaction."""
