"""The keys of every path service: Crossbar's own, which the checks of ours let through."""

from collections.abc import Mapping

# What each is for.
KEYS: Mapping[str, str] = {
    "type": "the type of the service",
    "id": "its name among the services of the transport; without it Crossbar numbers them",
}
