"""Opens a workspace for a command: for reading its ledger only, or with the services of its stages.

Both take over the results of an earlier version first, so that nothing finished is due again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager

from curation.ledger.ledger import Ledger
from curation.ledger.standing import StageHashes
from curation.pipeline import unsign
from curation.pipeline.identities import known_identities
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.pipeline.upgrade import PROPERTY, VERSION, OldHashes, upgrade
from curation.status.view import LedgerView
from curation.workspace import Workspace
from schemas.errors import ConfigError, PromptError

log = logging.getLogger(__name__)


@contextmanager
def open_ledger(workspace: Workspace) -> Iterator[Ledger]:
    """The ledger of a workspace, upgraded where it is of an earlier version; closed at the end of the block.

    Raises ConfigError as `Workspace.ledger`. Results of an earlier version are due again, with a warning, when the
    configuration that they were made under, or a prompt or checkpoint that it names, is missing.
    """
    with closing(workspace.ledger()) as ledger:
        if ledger.property(PROPERTY) != VERSION:
            _upgrade(workspace, ledger)
        if ledger.property(unsign.PROPERTY) != unsign.VERSION:
            unsign.unsign(ledger, lambda: _last_hashes(workspace, ledger))
        yield ledger


@contextmanager
def open_view(workspace: Workspace) -> Iterator[LedgerView]:
    """The ledger as the configuration of the last run reads it. No model is opened.

    Raises ConfigError as `open_ledger`, and when the configuration is missing or of another version.
    """
    config = workspace.config()
    with open_ledger(workspace) as ledger:
        prompts, identities = load_prompts(config), known_identities(ledger, config.models)
        yield LedgerView(ledger, stage_hashes(config, prompts, identities), config.review, config.audit, config.refresh)


def _last_hashes(workspace: Workspace, ledger: Ledger) -> StageHashes | None:
    """The hashes of the configuration of the last run; None, and a warning, when something of it is missing."""
    try:
        config = workspace.config()
        return stage_hashes(config, load_prompts(config), known_identities(ledger, config.models))
    except (ConfigError, PromptError) as error:
        log.warning("downloads from addresses with signatures will be made again: %s", error)
        return None


def _upgrade(workspace: Workspace, ledger: Ledger) -> None:
    if ledger.is_empty():
        ledger.set_property(PROPERTY, VERSION)
        return
    try:
        config = workspace.config()  # of the run that made the results: the new run's is not saved yet
        prompts, identities = load_prompts(config), known_identities(ledger, config.models)
    except (ConfigError, PromptError) as error:
        log.warning("results of an earlier version cannot be taken over and will be made again: %s", error)
        ledger.set_property(PROPERTY, VERSION)
        return
    upgrade(ledger, OldHashes(config, prompts, identities), stage_hashes(config, prompts, identities))
