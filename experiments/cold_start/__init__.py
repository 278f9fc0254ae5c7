"""How soon a model that arrives midway has its share, without and with published figures."""
