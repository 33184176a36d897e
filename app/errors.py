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


class OversizeError(UndeliveredError):
    """A record or row is larger than what brokers take; nothing of it was sent."""


class StoreError(UndeliveredError):
    """The rows on disk cannot be read or written."""


class FencedError(UndeliveredError):
    """Partitions of this worker may belong to another one by now; whether the present round counts is not known.

    ``lost_generation``: the group has said so; else it is our producer that the brokers know no more.
    """

    def __init__(self, text: str, *, lost_generation: bool) -> None:
        super().__init__(text)
        self.lost_generation = lost_generation


class BrokersError(UndeliveredError):
    """The brokers refuse something that asking again does not mend; the text names what and why."""


class RetriesExhaustedError(UndeliveredError):
    """The brokers did not do something in the time that they are given."""


class LostOffsetsError(UndeliveredError):
    """A group's committed offsets are gone while its rows are there; the text names the ways out."""
