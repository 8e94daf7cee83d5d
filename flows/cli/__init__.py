"""The command line `v2xum`: the application, and one file a group of commands."""
