"""Who looks at the page: login, sessions, and what keeps strangers out."""
