"""The option ``--tenant``, checked."""

import typer

from app.errors import BadInputError


def check_tenant_option(tenant: str) -> None:
    """Refuse what cannot be the name of a tenant.

    Raises typer.BadParameter.
    """
    from app.identity import check_tenant  # noqa: PLC0415 - see the package

    try:
        check_tenant(tenant)
    except BadInputError as error:
        raise typer.BadParameter(str(error)) from None
