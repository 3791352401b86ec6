"""How Sphinx makes the site: `make docs`."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "cookietrack-plugin"
author = "The cookietrack-plugin project"
html_show_copyright = False
version = release = version_of(project)

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "tools.site.extension",
]
exclude_patterns = ["_build"]
# For `make links`: servers of the reader's own.
linkcheck_ignore = [r"http://(localhost|127\.0\.0\.1|collector)\b", r"https://app\.example\.com"]
linkcheck_timeout = 30
html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False

myst_enable_extensions = ["deflist", "colon_fence"]
# Links to a heading are written as on GitHub, so that they work there too.
myst_heading_anchors = 4

# Docstrings have code in single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Types of Twisted, Crossbar and the standard library have no page here.
nitpicky = False
