"""What every resource of ARM shares on the wire: errors, bodies, api-versions, filters, preconditions, paths."""
