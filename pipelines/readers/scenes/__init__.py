"""What is looked over before it is taken as it is: point clouds, tilesets."""
