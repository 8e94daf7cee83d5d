"""Gold questions: demo films with known answers, asked among real review tasks."""
