"""The load of `undelivered demo`, what must come out of it, and the processes it runs through."""
