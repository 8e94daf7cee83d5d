"""Review by people in Label Studio: its server, the screen, what is pushed to it and what comes back."""
