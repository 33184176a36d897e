"""undelivered: delivery-failure webhooks in, one judged stream of failures, suppressions, credit and alerts out."""
