"""Programming models of kernels: one module each, registered in :data:`LANGUAGES`."""

from __future__ import annotations

from . import openmp, simt
from .base import LanguageSupport

LANGUAGES: tuple[LanguageSupport, ...] = (simt.CUDA, simt.HIP, openmp.OPENMP)
"""Every language, asked in this order about every file: a file may hold kernels of several."""

__all__ = ["LANGUAGES", "LanguageSupport"]
