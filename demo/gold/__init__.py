"""Makes gold questions: demo films with known answers, which annotators get among their review tasks."""
