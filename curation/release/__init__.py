"""Makes releases of a workspace: immutable, versioned folders of Parquet with a card that the Hub reads."""
