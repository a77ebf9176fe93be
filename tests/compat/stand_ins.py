STAND_INS = {
    "aws": ("moto",),
    "gcs": ("gcp-storage-emulator",),
    "azure": ("Azurite",),
    "digitalocean": ("Ceph RGW",),
    "zadara": ("OpenStack Swift",),
    "minio": ("rclone",),
}
