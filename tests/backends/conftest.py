"""Helpers that the backends' tests share."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def kit():
    """The module `random_circuits` beside this file (test modules cannot import each other)."""
    path = Path(__file__).with_name("random_circuits.py")
    spec = importlib.util.spec_from_file_location("random_circuits", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
