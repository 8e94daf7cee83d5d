"""The Hugging Face Hub: uploading a release to a branch, reading it back, and showing it on `main` in one step."""
