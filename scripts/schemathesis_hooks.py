"""What the document cannot say: a caller of one tenant names that tenant, or none."""
import os

import schemathesis

TENANT = os.environ.get("SCHEMATHESIS_TENANT")


def named(value):
    """The same value with every tenant it names made the caller's."""
    if isinstance(value, dict):
        return {key: TENANT if key == "tenantId" else named(item) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item) for item in value]
    return value


if TENANT:

    @schemathesis.hook
    def map_body(context, body):
        return named(body)

    @schemathesis.hook
    def map_query(context, query):
        return named(query)
