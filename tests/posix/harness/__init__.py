"""The harness of the POSIX cases: what a case is, how it is run, and what it may lean on."""
