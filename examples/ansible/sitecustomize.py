# ruff: noqa: INP001  # Python looks for it by its name
"""Lets azure.azcollection find a cloud by its address: `export PYTHONPATH=THIS_DIRECTORY`.

Its option `cloud_environment` takes the URL of a cloud's metadata and asks azure.cli.core for
`get_cloud_from_metadata_endpoint`, which is not there. Python imports a file of this name as it starts, also for each
module of Ansible; here the function is made of what azure.cli.core has.
"""

import contextlib

with contextlib.suppress(ImportError):
    import requests
    from azure.cli.core import cloud

    def get_cloud_from_metadata_endpoint(url: str) -> cloud.Cloud:
        """The cloud of that address. `REQUESTS_CA_BUNDLE` names the certificate to trust."""
        known = requests.get(f"{url.rstrip('/')}/metadata/endpoints?api-version=2019-05-01", timeout=30)
        known.raise_for_status()
        return cloud._arm_to_cli_mapper(known.json())  # noqa: SLF001  # it makes what is wanted here

    cloud.get_cloud_from_metadata_endpoint = get_cloud_from_metadata_endpoint
