"""What published figures of the models bring before anything was seen, and what wrong ones cost."""
