"""Whether the processes of one installation, on however many hosts, agree on what they must."""
