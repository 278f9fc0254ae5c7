"""Whether it finds which of eight models does which kind of coding work."""
