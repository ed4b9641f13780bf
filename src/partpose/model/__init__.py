"""What the network is: picture → part maps → moments → appearance → generator."""
