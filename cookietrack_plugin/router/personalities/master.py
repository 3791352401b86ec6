"""Crossbar's `master` personality, cookie-aware."""

from crossbar.master import Personality as Crossbars

from cookietrack_plugin.router.personality import CookieTracking


class Personality(CookieTracking, Crossbars):
    """`crossbar-cookietrack master`."""
