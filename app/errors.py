"""Every error this project raises on purpose, under one root."""


class UndeliveredError(Exception):
    """Root of all errors raised on purpose; catch it to tell our errors from bugs."""


class BadInputError(UndeliveredError):
    """A record cannot be read: it becomes a dead letter, never a stop.

    The text names the field, the kind of value found and what was expected; it never holds the value itself.
    """


class SettingsError(UndeliveredError):
    """The configuration cannot be used; the text names the key and what was expected."""


class SchemaError(UndeliveredError):
    """An Avro schema is missing, broken, or does not fit the record."""


class TableOfCodesError(UndeliveredError):
    """A data file of the classifier is broken; the text names file and line."""


class SignatureError(UndeliveredError):
    """A webhook's signature is missing or wrong."""


class BrokerError(UndeliveredError):
    """The embedded Kafka or registry could not be fetched, started or stopped."""


class TopicError(UndeliveredError):
    """The topics on the cluster differ from their declaration."""


class FencedError(UndeliveredError):
    """Another worker owns this task now; nothing of the present batch was committed."""
