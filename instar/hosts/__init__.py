"""Which host this is, and which host has a file: files of SQLite are for the processes of one kernel at a time."""
