"""Commands that begin, find and show things: init, schema, list, open; and the options that choose videos."""
