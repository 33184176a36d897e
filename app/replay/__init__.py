"""Judges stored webhooks anew, says what would be otherwise, and brings it about by requests.

``judgements``, ``rejudging``, ``states``, ``requests``, ``difference`` and ``parcels`` are pure; ``passes`` feeds them
from records, the rest talks to Kafka and to people.
"""
