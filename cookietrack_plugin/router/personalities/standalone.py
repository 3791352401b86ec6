"""Crossbar's `standalone` personality, cookie-aware."""

from crossbar.personality import Personality as Crossbars

from cookietrack_plugin.router.personality import CookieTracking


class Personality(CookieTracking, Crossbars):
    """`crossbar-cookietrack standalone`."""
