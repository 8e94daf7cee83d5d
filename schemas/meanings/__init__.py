"""What names mean to people: reasons of rejection with what to do, columns of the dataset, exit codes, environment."""
