"""azure.azcollection, as PyPI's `ansible` ships it, with the one file of examples/ansible that finds it the cloud."""

from pathlib import Path

import pytest

from tests.clients.conftest import NEW, OLD, Site, installed, run

PLAYBOOK = Path(__file__).with_name("scenarios") / "ansible.yml"
SHIM = Path(__file__).parents[2] / "examples" / "ansible"


AT_MOST_SECONDS = 800
"""It takes about two minutes: each of its forty modules imports Azure's SDKs anew. A busy machine is given longer."""


@pytest.mark.timeout(AT_MOST_SECONDS + 60)
def test_ansible_takes_a_set_from_its_creation_to_its_upgrade_and_its_end(site: Site, tmp_path: Path) -> None:
    site.publish(NEW)
    login = site.login
    env = {
        "AZURE_CLOUD_ENVIRONMENT": login.endpoint,
        "AZURE_DISABLE_INSTANCE_DISCOVERY": "true",
        "AZURE_SUBSCRIPTION_ID": login.subscriptionId,
        "AZURE_TENANT": login.tenantId,
        "AZURE_CLIENT_ID": login.clientId,
        "AZURE_SECRET": login.clientSecret,
        "PYTHONPATH": str(SHIM),
        "ANSIBLE_HOME": str(tmp_path),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "tmp"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "LC_ALL": "C.UTF-8",
    }
    command = [installed("ansible/bin/ansible-playbook"), "-i", "localhost,", "-e", f"old={OLD}", "-e", f"new={NEW}"]
    done = run(site, [*command, str(PLAYBOOK)], env, AT_MOST_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=0" in done.stdout
    assert "No group of that name" in done.stdout, "its last task"
