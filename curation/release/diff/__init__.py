"""Compares two releases: which rows came, went and changed, and why."""
