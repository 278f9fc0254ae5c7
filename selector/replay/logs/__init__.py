"""The log as data: read from state folders and files, checked, laid out as a table and as arrays."""
