"""The page: what an operator sees in a browser. It asks the API's own routes, and does nothing that these do not."""
