"""The same fleet driven by Ansible's `serial: 20%`: the playbook, the cloud that it asks, and how it is run.

`upgrade.yml` and `ansible.cfg` are what an operator would write; `front.py` gives them the machines over HTTP.
"""
