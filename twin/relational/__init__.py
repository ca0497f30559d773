"""What stores that speak SQL share; a database brings a dialect, a session and its way of opening."""
