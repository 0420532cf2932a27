import re

import pytest
import yaml  # type: ignore[import-untyped]

from tests.bench import scene
from tests.bench.ansible import installed
from tests.bench.ansible.playbook import HERE
from tests.support import locks


def test_what_is_installed_is_of_the_clients_lock_with_its_hashes() -> None:
    lock = installed.LOCK.read_text()
    taken = installed.locked(lock)
    whole = locks.read("clients/ansible")
    blocks = dict(re.findall(r"^([\w-]+)==(.+(?:\n .+)+)", taken, re.MULTILINE))
    assert sorted(blocks) == sorted(installed.NEEDED)
    for name, text in blocks.items():
        assert text.split()[0] == whole[name].version
        assert set(re.findall("sha256:([0-9a-f]{64})", text)) == whole[name].hashes


def test_a_lock_that_lacks_one_is_refused() -> None:
    without = installed.LOCK.read_text().replace("\nresolvelib==", "\nresolvelib2==")
    with pytest.raises(ValueError, match="names no resolvelib"):
        installed.locked(without)


def test_the_playbook_takes_the_same_share_and_the_same_limit_as_instar() -> None:
    [play] = yaml.safe_load((HERE / "upgrade.yml").read_text())
    assert play["serial"] == f"{scene.POLICY.max_batch_instance_percent}%"
    assert play["max_fail_percentage"] == scene.POLICY.max_unhealthy_upgraded_instance_percent
    assert play["gather_facts"] is False
