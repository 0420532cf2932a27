"""Documents of networks, load balancers and Service Fabric clusters, as far as scale sets name them."""
