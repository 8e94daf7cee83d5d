"""All that a group of annotators and nodes runs, on this machine: `make stack`."""
