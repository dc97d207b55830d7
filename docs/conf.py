"""Sphinx configuration."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import trackforge

project = "trackforge"
author = "The trackforge authors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name
release = version = trackforge.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "component_tables"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "plugin-example"]

html_theme = "furo"
html_title = f"trackforge {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1b5e8c", "color-brand-content": "#1b5e8c"},
    "dark_css_variables": {"color-brand-primary": "#7fc1ee", "color-brand-content": "#7fc1ee"},
    "navigation_with_keys": True,
}

# Signatures stay as written; types and defaults live there only, and prose uses `single backticks` as code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_attr_annotations = False
add_module_names = False

# No network while building, so names of other projects (numpy, torch, typing) cannot be resolved; our own must be.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!trackforge).*|trackforge\.config\.T|trackforge\.labelling\.merging\.Found")]
