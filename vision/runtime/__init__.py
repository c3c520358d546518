"""What every program needs: errors, files, disks, the environment. It knows no other room."""
