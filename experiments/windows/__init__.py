"""Whether a hard budget per day holds, and is used, when nobody knows how many requests a day brings."""
