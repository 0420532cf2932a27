"""What a model must have that a client gives: all of it in a new set, in a changed one what it had before."""

from typing import Any

from api.scale_sets.set_images import runs_windows
from api.services.dependencies import Services
from instar.domain.eligibility.blockers import Blocker
from instar.domain.eligibility.required_members import newly_refused, required_blockers
from instar.domain.sets.scale_sets import ScaleSetModel

Json = dict[str, Any]


async def blockers_of_new(services: Services, document: Json, model: ScaleSetModel) -> tuple[Blocker, ...]:
    """Why a document cannot become a new set."""
    return required_blockers(document, windows=await runs_windows(services, model, document["location"]))


async def blockers_of_changed(
    services: Services, before: Json, document: Json, model: ScaleSetModel
) -> tuple[Blocker, ...]:
    """Why a stored set cannot become what the document says; nothing that was so already.

    A password from before is there: the stored document does not show it.
    """
    windows = await runs_windows(services, model, document["location"])
    had = required_blockers(before, windows=windows, password_kept=True)
    return newly_refused(required_blockers(document, windows=windows, password_kept=True), had, (before, document))
