"""Prefect flows, one file a flow: composition only."""
