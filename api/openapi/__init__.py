"""The API's own OpenAPI document: what FastAPI cannot know, said once for every route."""
