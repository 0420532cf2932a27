"""The worker process: where workflows, activities and a compute backend are put together."""
