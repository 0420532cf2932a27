"""The official clients of Azure, unmodified, against `instar up --tls`: see `make test-clients`."""
