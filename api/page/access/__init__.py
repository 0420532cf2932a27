"""Who is on the page: logins, sessions, cookies, and what keeps the browser from being used against its user."""
