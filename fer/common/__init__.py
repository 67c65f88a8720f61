"""What every folder may use: errors, files, versions."""
