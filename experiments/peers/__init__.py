"""The same streams through other open routers."""
