"""Jouleline: kernel bounds while you type, and energy refactoring with proof."""
