"""Learn how long a bus takes between two stops from what riders' phones see, starting from the timetable."""
