"""What was counted since a moment: metrics are of the whole process, and other tests count too."""

from prometheus_client import CollectorRegistry

from instar.telemetry.metrics import REGISTRY


class Counted:
    """`counted("instar_batches_total", kind="osUpgrade")`: how much it has grown."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._before = self._all()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return round(self._all().get(key, 0.0) - self._before.get(key, 0.0), 6)

    def grown(self, name: str) -> dict[str, float]:
        """By the values of its labels, those that have grown."""
        now = {key: value for key, value in self._all().items() if key[0] == name}
        grown = {key: value - self._before.get(key, 0.0) for key, value in now.items()}
        return {"/".join(value for _, value in labels): more for (_, labels), more in grown.items() if more}

    def _all(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self._registry.collect()
            for sample in family.samples
        }
