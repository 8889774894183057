"""Sphinx's settings of the documentation site; ``python docs/make.py`` builds it.

The gallery. Every file ``examples/gallery/SECTION/NAME.py`` is an example of sphinx-gallery; each
SECTION has a ``GALLERY_HEADER.rst`` with its title and a line on it, and stands in `SECTIONS`
below, in the order of the page. No list names the examples. An example runs by itself (``python
FILE``), in under a minute on two cores, from data that come with the package or are generated,
and draws at least one picture, each in one cell (a notebook shows a figure when the cell that
began it ends). Names beginning with ``_`` are left out. Without ``--gallery`` pages are made from
the code alone; ``python docs/make.py --gallery`` runs every example whose file has changed since
it was last run, ``--gallery REGEX`` those whose path matches. The gate runs the short form `QUICK`
and executes the notebooks of `NOTEBOOKS`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE / "_tools")]

import skqmu  # noqa: E402

project = "skqmu"
author = "The skqmu developers"
copyright = f"2026, {author}"
version = release = skqmu.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "site_links",
]
exclude_patterns = [
    "_build",
    "_tools",
    "_templates",
    "schemas",
    "gallery/**/*.ipynb",
    "**/sg_execution_times*",
]
templates_path = ["_templates"]

# --- text ----------------------------------------------------------------------------------
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3  # the anchors that a code host gives headings
default_role = "py:obj"  # numpydoc's `name`: a link where the name is known
numpydoc_show_class_members = False  # docs/_tools/api_pages.py names them
numpydoc_xref_param_type = False
autodoc_typehints = "none"  # types stand in the docstrings
autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
suppress_warnings = [
    "config.cache",
]

# --- what is on the page -------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = f"skqmu {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_sidebars = {"index": [], "gallery/index": []}
html_theme_options = {
    "show_toc_level": 2,
    "navigation_depth": 3,
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
pygments_style = "default"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# --- the gallery ---------------------------------------------------------------------------
SECTIONS = ["start", "forget", "search", "attack", "audit", "service", "hardware", "own"]
#: One or more of every section, each in a few seconds.
QUICK = (
    r"(start/.*|attack/(any_classifier|torch_model)|audit/reading_a_report|own/.*"
    r"|forget/(sharded_forest|statistics_downdate)|hardware/fake_device"
    r"|search/pareto_front|service/deletion_service)\.py"
)
#: Executed as notebooks by the gate.
NOTEBOOKS = ["start/drop_in", "audit/reading_a_report"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "subsection_order": [
        folder
        for name in SECTIONS
        if (ROOT / (folder := f"../examples/gallery/{name}")[3:]).exists()
    ],
    "within_subsection_order": "FileNameSortKey",
    "filename_pattern": r"$^",  # none runs; docs/make.py says which
    "ignore_pattern": r"[\\/]_",
    "example_extensions": {".py"},
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "min_reported_time": 1,
    "plot_gallery": "True",
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "gallery_style.reset"),
    "image_srcset": ["2x"],
    "write_computation_times": False,
    "capture_repr": ("_repr_html_", "__repr__"),
    "matplotlib_animations": False,
    "doc_module": ("skqmu",),
    "backreferences_dir": "gallery/_used",
    "reference_url": {"skqmu": None},
}
