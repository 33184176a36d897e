"""One module a provider: the shape of its payloads, and what each of its events means."""
