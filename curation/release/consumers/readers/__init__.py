"""One file a consumer: how a library gives columns, ids and rows of a split. Each works in a process of its own."""
