"""A model's health source with the settings that it has in the store: the one place that joins the two (H1, H3).

A scale set names a load balancer's probe by its id alone; interval, threshold and the question are the load balancer's.
Functions are synchronous and short: call them by `asyncio.to_thread` from a loop.
"""

from instar.domain.health.load_balancers import ProbeId, probe_settings
from instar.domain.health.sources import HealthSource, ProbeSettings, SourceKind
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.store import Store


def health_source_of(store: Store, model: ScaleSetModel) -> HealthSource:
    """The source of a model as a machine is to be asked. A probe that does not exist is left without a port."""
    source = model.health_source
    settings = _settings(store, source)
    return source if settings is None else source.with_probe(settings)


def probe_settings_of(store: Store, model: ScaleSetModel) -> ProbeSettings | None:
    """The stored settings of the load balancer's probe that a model names; None if it names none that exists."""
    found = (_settings(store, source) for source in model.health_sources)
    return next((one for one in found if one is not None), None)


def _settings(store: Store, source: HealthSource) -> ProbeSettings | None:
    probe = ProbeId.read(source.name) if source.kind is SourceKind.LOAD_BALANCER else None
    load_balancer = store.resources.find(probe.load_balancer) if probe else None
    return probe_settings(load_balancer.document, probe.probe) if probe and load_balancer else None
