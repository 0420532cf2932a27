"""ARM templates: parameters, variables, expressions, copies, dependencies, outputs. Nothing here touches a machine."""
