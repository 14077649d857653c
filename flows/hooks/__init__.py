"""What is called with a finished run: functions of other packages, and our own for MLflow."""
