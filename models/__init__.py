"""What is loaded or called: chat models and sentence embedders behind small protocols."""
