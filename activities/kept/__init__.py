"""What is done with OS disks that are kept: given back by a rollback, or deleted when their time is over."""
