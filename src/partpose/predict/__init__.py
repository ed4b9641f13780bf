"""What comes out: keypoints with their Gaussians, in files and in pictures."""
