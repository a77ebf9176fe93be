"""Configuration of Sphinx. The build needs no network."""

import sys
from pathlib import Path

import remote_artwork

sys.path.insert(0, str(Path(__file__).with_name("_ext")))

project = "remote_artwork"
author = "the remote_artwork authors"
copyright = author
release = version = remote_artwork.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "lifecycle",
    "provider_facts",
    "public_names",
    "reason_codes",
    "send_decision",
    "signatures",
]
exclude_patterns = [
    "_build",
    "explanation/fleet_result.md",
    "explanation/performance_table.md",
    "explanation/simulation_result.md",
    "explanation/throughput_*.md",
]

html_theme = "furo"
html_title = f"remote_artwork {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["custom.css"]

maximum_signature_line_length = 80

myst_heading_anchors = 3

autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
