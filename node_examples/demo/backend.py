"""The demo's back end: what a page cannot know by itself, because its cookie is HttpOnly."""

import time
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.types import CallDetails, RegisterOptions, SessionDetails

ABOUT_DEVICES = ("cookietrack.on_authenticated", "cookietrack.on_revoked", "cookietrack.on_expired")
DEVICES_CHANGED = "demo.devices_changed"


class Backend(ApplicationSession):  # type: ignore[misc]
    """Registers `demo.whoami`, and publishes `demo.devices_changed` after logins and their ends."""

    async def onJoin(self, details: SessionDetails) -> None:
        self.started = int(time.time() * 1000)
        for topic in ABOUT_DEVICES:
            await self.subscribe(self.tell_pages, topic)
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

    def tell_pages(self, _: object) -> None:
        """Say that something changed, and not whose devices: every member may hear it."""
        self.publish(DEVICES_CHANGED)
