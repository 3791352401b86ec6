"""The conformance suites: every check for the stores that it is for."""

from cookietrack_plugin.testing.checks.batches import BatchChecks
from cookietrack_plugin.testing.checks.changes import ChangeChecks
from cookietrack_plugin.testing.checks.claims import ClaimChecks
from cookietrack_plugin.testing.checks.closing import CloseChecks
from cookietrack_plugin.testing.checks.configuration import ConfigurationChecks
from cookietrack_plugin.testing.checks.crashes import CrashChecks
from cookietrack_plugin.testing.checks.damage import DamageChecks
from cookietrack_plugin.testing.checks.expiry import ExpiryChecks
from cookietrack_plugin.testing.checks.faults import FaultChecks, PlaceChecks
from cookietrack_plugin.testing.checks.feed import FeedChecks
from cookietrack_plugin.testing.checks.fences import FenceChecks
from cookietrack_plugin.testing.checks.fullness import FullnessChecks
from cookietrack_plugin.testing.checks.interface import InterfaceChecks
from cookietrack_plugin.testing.checks.locking import LockChecks
from cookietrack_plugin.testing.checks.model import ModelChecks
from cookietrack_plugin.testing.checks.pages import DurablePageChecks, PageChecks
from cookietrack_plugin.testing.checks.reopening import ReopenChecks
from cookietrack_plugin.testing.checks.sharing import SharingChecks
from cookietrack_plugin.testing.checks.threads import ThreadChecks
from cookietrack_plugin.testing.checks.unblocked import DurableUnblockedChecks, UnblockedChecks
from cookietrack_plugin.testing.checks.unblocked_loads import UnblockedLoadChecks
from cookietrack_plugin.testing.checks.user_feed import UserFeedChecks
from cookietrack_plugin.testing.checks.user_revocation import UserRevocationChecks
from cookietrack_plugin.testing.checks.values import IsolationChecks, ValueChecks


class StoreSuite(
    InterfaceChecks,
    ClaimChecks,
    CloseChecks,
    ConfigurationChecks,
    ChangeChecks,
    BatchChecks,
    ValueChecks,
    IsolationChecks,
    ExpiryChecks,
    PageChecks,
    ThreadChecks,
    ModelChecks,
    DamageChecks,
    FullnessChecks,
    FaultChecks,
    SharingChecks,
    FeedChecks,
    UserRevocationChecks,
    UserFeedChecks,
    FenceChecks,
    UnblockedChecks,
    UnblockedLoadChecks,
):
    """What every store has to do."""


class DurableStoreSuite(
    StoreSuite,
    ReopenChecks,
    LockChecks,
    CrashChecks,
    PlaceChecks,
    DurablePageChecks,
    DurableUnblockedChecks,
):
    """What a store has to do that keeps its records when the process ends, however it ends."""

    durable = True
