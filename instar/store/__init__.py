"""What is written down: models, images, operations, records. SQLAlchemy 2; SQLite by default, PostgreSQL by URL."""
