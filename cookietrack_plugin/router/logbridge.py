"""What stores log with the standard library's `logging`, in the log of the Crossbar worker."""

import logging

from txaio.tx import get_global_log_level, make_logger

PACKAGE = "cookietrack_plugin"


class CrossbarHandler(logging.Handler):
    """Passes records on to Crossbar's log, at the same level."""

    log = make_logger()

    def emit(self, record: logging.LogRecord) -> None:
        name = record.levelname.lower()
        level = name if name in ("debug", "info", "error", "critical") else "warn"
        try:
            getattr(self.log, level)("{message}", message=self.format(record))
        except Exception:  # noqa: BLE001 - as logging demands: a log call must not fail
            self.handleError(record)


def install() -> None:
    """Attach the handler once; records of other packages stay where they were."""
    logger = logging.getLogger(PACKAGE)
    if not any(isinstance(handler, CrossbarHandler) for handler in logger.handlers):
        logger.addHandler(CrossbarHandler())
        logger.propagate = False
        # What Crossbar would not show is not even formatted.
        verbose = get_global_log_level() in ("debug", "trace")
        logger.setLevel(logging.DEBUG if verbose else logging.INFO)
