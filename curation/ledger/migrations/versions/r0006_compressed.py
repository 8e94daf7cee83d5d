"""Long records are compressed from here on in SQLite. No table changes: an earlier program must refuse to read them.

Rows that are there stay as they are; both forms are read.
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Change nothing but the version."""
