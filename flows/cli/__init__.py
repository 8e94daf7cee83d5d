"""The command line `v2xum`: the application, one file for each group of commands, and what they print."""
