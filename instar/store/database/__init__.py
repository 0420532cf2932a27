"""One database under the store: connections, tables, migrations, and what is sealed in it."""
