"""Label Studio itself: its environment and server, its HTTP client, the project, the screen."""
