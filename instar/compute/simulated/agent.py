"""Waiting for what runs inside a machine: the part of a call that comes after its commit (docs/rules.md P4, P7)."""

from instar.compute.provider import Effect
from instar.compute.simulated import disks, provisioning
from instar.compute.simulated.file.database import Transaction
from instar.compute.simulated.file.faults import Call, Point
from instar.compute.simulated.stage import Stage


class Agent(Stage):
    """Runs what is due on a machine, for the call that made it due or made again what was cut off."""

    async def _provision(self, call: Call, effect: Effect) -> None:
        """Custom data, then each extension in the time that it takes. Raises as `disks.look`."""
        place = (effect.scale_set.unique_id, int(effect.instance_id))
        with self._database.write() as tx:
            disks.look(tx, effect)
            extension = provisioning.go_on(tx, *place)
        while extension is not None:
            await self._pace.take(extension.takes)
            self._pass(Point.BEFORE_EXTENSION, call, effect)
            with self._database.write() as tx:
                disks.look(tx, effect)
                extension = provisioning.end(tx, *place, extension)

    def _begins_provisioning(self, tx: Transaction, effect: Effect) -> bool:
        """The same up to the first extension that takes its time, within a commit; whether that was all."""
        place = (effect.scale_set.unique_id, int(effect.instance_id))
        extension = provisioning.go_on(tx, *place)
        while extension is not None and not extension.takes:
            extension = provisioning.end(tx, *place, extension)
        return extension is None
