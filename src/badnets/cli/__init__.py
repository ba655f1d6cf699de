"""The command line: parse, call, print, exit. What a command can do, the Python API can."""
