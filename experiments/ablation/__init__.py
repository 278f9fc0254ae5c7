"""What each part of the default brings: each in turn taken out, or set otherwise."""
