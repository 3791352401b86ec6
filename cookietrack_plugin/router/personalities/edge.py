"""Crossbar's `edge` personality, cookie-aware."""

from crossbar.edge import Personality as Crossbars

from cookietrack_plugin.router.personality import CookieTracking


class Personality(CookieTracking, Crossbars):
    """`crossbar-cookietrack edge`."""
