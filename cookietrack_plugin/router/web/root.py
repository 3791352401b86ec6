"""Services at `/`, beside which others can stand."""

from typing import Any

from crossbar.webservice.base import RootResource


class ServiceRoot(RootResource):
    """
    Crossbar's, which also answers for its own path: a nested service at `/` answers `/nested`, and
    not only `/nested/`.
    """

    def render(self, request: Any) -> Any:
        return self._rootResource.render(request)


def rooted(resource: Any, path: str) -> Any:
    """The resource of a service at this path of a transport, or of a nested one."""
    return ServiceRoot(resource, {}) if path == "/" else resource
