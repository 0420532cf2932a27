"""The commands about OS disks that are kept: `instar rollback`, `instar keep`."""
