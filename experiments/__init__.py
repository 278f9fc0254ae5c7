"""Experiments: each a folder with its question, its settings as data, and what it showed.

`python -m experiments NAME` runs one and prints its table; its README says what is expected.
"""
