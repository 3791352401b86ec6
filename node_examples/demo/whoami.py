"""The demo's back end: tells a caller what the router knows about its connection."""

import time
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import CallDetails, RegisterOptions, SessionDetails


class WhoAmI(ApplicationSession):  # type: ignore[misc]
    """Registers `demo.whoami`. A page cannot read its HttpOnly cookie: it has to ask."""

    async def onJoin(self, details: SessionDetails) -> None:
        self.started = int(time.time() * 1000)
        await self.register(
            self.whoami, "demo.whoami", options=RegisterOptions(details_arg="details")
        )

    async def whoami(self, details: CallDetails) -> dict[str, Any]:
        """Who the caller is, the public id of its cookie, and since when this node runs (ms)."""
        session = await self.call("wamp.session.get", details.caller)
        return {
            "authid": session["authid"],
            "authrole": session["authrole"],
            "authmethod": session["authmethod"],
            "authprovider": session["authprovider"],
            "tracking_id": session["transport"]["http_cbtid"],
            "node_started": self.started,
        }
