"""Who is logged in to the page, and by which links one may log in: shared by all processes of the API."""
