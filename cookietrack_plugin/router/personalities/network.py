"""Crossbar's `network` personality, cookie-aware."""

from crossbar.network import Personality as Crossbars

from cookietrack_plugin.router.personality import CookieTracking


class Personality(CookieTracking, Crossbars):
    """`crossbar-cookietrack network`."""
